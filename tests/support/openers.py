"""Programs that open URLs, as on desktops, each with a stub behind it that records what it would open.

The three `WSLVIEW`s pass their argument on as wslu's script does: in its present form, in its earlier one, and with its
other engine. `POWERSHELL` and `CMD` evaluate as the real ones do. `EVAL` is an opener that passes its words to a shell.
"""

import sys

NOTE = 'printf "%s\\n" "$#" "$@" >"$NOTES"\n'

XDG_OPEN = f"#!/bin/sh\n{NOTE}"

EVAL = '#!/bin/sh\nnote() { printf "%s\\n" "$#" "$@" >"$NOTES"; }\neval "note $1"\n'

WSLVIEW = """#!/bin/sh
url="$*"
exec powershell.exe -NoProfile -NonInteractive -Command "Start \\"$url\\""
"""

WSLVIEW_2 = """#!/bin/sh
url="$*"
exec powershell.exe -NoProfile -NonInteractive -Command "Start $url"
"""

WSLVIEW_CMD = """#!/bin/sh
url="$*"
exec cmd.exe /c "start \\"$url\\""
"""

_EVALUATOR = f"""#!{sys.executable}
import os, re, sys
command = sys.argv[-1]
whole = re.fullmatch(PLAIN, command)
lines = ["1", next(filter(None, whole.groups()))] if whole else ["0", "evaluated: " + command]
with open(os.environ["NOTES"], "w") as notes:
    notes.write("".join(line + "\\n" for line in lines))
"""

# Within quotes the shell evaluates `$x`, `$(…)` and back-ticks, outside them nearly everything; text after the closing
# quote is a separate command.
POWERSHELL = _EVALUATOR.replace("PLAIN", r"""r'Start (?:"((?:[^"$`])*)"|([A-Za-z0-9/:.=_~%+-]*))'""")

# Variables are expanded within quotes, too.
CMD = _EVALUATOR.replace("PLAIN", r"""r'start "((?:[^"%!])*)"'""")
