"""python -m trainer.tests.waiting: says that it is there, and waits for its standard input to end."""

import sys

if __name__ == "__main__":
    print("here")
    sys.stdin.read()
