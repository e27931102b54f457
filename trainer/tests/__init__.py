"""python -m trainer.tests [COUNTS_FILE]: the tests of the trainer, in one process, since importing torch takes seconds."""
