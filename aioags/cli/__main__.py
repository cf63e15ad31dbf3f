"""
``python -m aioags.cli``: the ``aioags`` command where scripts are not on the path.
"""

import sys

from aioags.cli import main

sys.exit(main())
