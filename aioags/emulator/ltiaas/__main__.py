"""
Run the LTIAAS emulator: ``python -m aioags.emulator.ltiaas --profile moodle``.
"""

import sys

from aioags.emulator.ltiaas.cli import main

if __name__ == "__main__":
    sys.exit(main())
