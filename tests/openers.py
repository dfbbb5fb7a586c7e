"""Programs that open URLs, as desktops have them, each with a stub behind it that notes what would be opened.

`WSLVIEW` hands its argument on as wslu's script does (wslview 3 and 4: `winps_exec Start "\"$*\""`); `POWERSHELL`
evaluates what a double-quoted string of PowerShell evaluates; `EVAL` is an opener that trusts a shell with its words.
"""

import sys

NOTE = 'printf "%s\\n" "$#" "$@" >"$NOTES"\n'

XDG_OPEN = f"#!/bin/sh\n{NOTE}"

EVAL = '#!/bin/sh\nnote() { printf "%s\\n" "$#" "$@" >"$NOTES"; }\neval "note $1"\n'

WSLVIEW = """#!/bin/sh
url="$*"
exec powershell.exe -NoProfile -NonInteractive -Command "Start \\"$url\\""
"""

POWERSHELL = f"""#!{sys.executable}
# `$x`, `$(…)` and back-ticks are evaluated within quotes; whatever follows the closing one is a command of its own.
import os, re, sys
command = sys.argv[sys.argv.index("-Command") + 1]
whole = re.fullmatch(r'Start "((?:[^"$`])*)"', command)
lines = ["1", whole[1]] if whole else ["0", "evaluated: " + command]
with open(os.environ["NOTES"], "w") as notes:
    notes.write("".join(line + "\\n" for line in lines))
"""
