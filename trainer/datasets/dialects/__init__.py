"""Rows of published data files as conversations, in whichever dialect they are written. The service reads them by the same rules
(src/datasets/rows) and the same description (trainer/datasets/formats.json); a test runs the same files through both."""
