"""
Run the emulator: ``python -m aioags.emulator --profile spec``.
"""

import sys

from aioags.emulator.doors.cli import main

if __name__ == "__main__":
    sys.exit(main())
