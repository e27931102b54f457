"""compare.py FILE ...: what readers said of the same models (the first file is what the others are held against). Ends with 1 where they differ."""

import json
import sys
from pathlib import Path

first, *others = (json.loads(Path(name).read_text()) for name in sys.argv[1:])
width = max(map(len, first["answers"]))
apart = 0
print("model".ljust(width), first["by"], *(each["by"] for each in others), sep="  ")
for name, answers in first["answers"].items():
    said = [each["answers"].get(name) for each in others]
    same = [[answer["answer"].strip() for answer in each] == [answer["answer"].strip() for answer in answers] if each else False for each in said]
    apart += same.count(False)
    print(name.ljust(width), repr(answers[0]["answer"]), *("the same" if is_same else f"other: {each and each[0]['answer']!r}" for is_same, each in zip(same, said)), sep="  ")
sys.exit(1 if apart else 0)
