"""The frame and the one stylesheet of every page that the bridge shows: those of the callback, and those of the demo.

A page is complete in itself: no script, and nothing from another place. Its policy allows this stylesheet alone, by its
hash (CSP level 3, section 2.3.1), so that text from a server could bring no style of its own either.
"""

import base64
import hashlib
from html import escape

PRODUCT = "mcp-auth-bridge"

_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #f4f5f7; --card: #fff; --ink: #1b1f24; --quiet: #59626d; --line: #e1e4e9;
  --good: #1c7a47; --bad: #c0322e; --neutral: #5f6873; --accent: #1c6b8c; --on-accent: #fff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1d2126; --ink: #eceff3; --quiet: #a3adb8; --line: #343a42;
    --good: #58c78c; --bad: #ff8a84; --neutral: #a3adb8; --accent: #6cc4e8; --on-accent: #0c2330;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--paper); color: var(--ink); font: 1.05rem/1.55 system-ui, sans-serif;
}
main {
  width: min(30rem, 100%); padding: 2.25rem 2.5rem; background: var(--card);
  border: 1px solid var(--line); border-top: 5px solid var(--mark, var(--accent)); border-radius: .9rem;
  box-shadow: 0 .5rem 2rem rgb(0 0 0 / .09); overflow-wrap: anywhere;
}
.good { --mark: var(--good); } .bad { --mark: var(--bad); } .neutral { --mark: var(--neutral); }
.name { margin: 0 0 .4rem; color: var(--quiet); font-size: .85rem; letter-spacing: .02em; }
.quiet { color: var(--quiet); font-size: .93rem; }
i {
  float: right; width: 2.2rem; border-radius: 50%; background: var(--mark); color: var(--card); text-align: center;
  font: 700 1.25rem/2.2rem system-ui, sans-serif;
}
h1 { margin: 0 0 .6rem; font-size: 1.4rem; line-height: 1.3; text-wrap: balance; }
p { margin: .5rem 0; }
code {
  display: block; margin: .5rem 0; padding: .5rem .7rem; border-radius: .4rem; background: var(--paper);
  font: .9rem/1.5 ui-monospace, monospace;
}
dl { margin: 1.5rem 0; padding: 1.1rem 0 .2rem; border-block: 1px solid var(--line); }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0 0 .9rem; }
form { display: flex; flex-wrap: wrap; gap: .75rem; }
button {
  flex: 1; padding: .7rem 1rem; border: 1px solid var(--quiet); border-radius: .6rem;
  background: none; color: inherit; font: inherit; cursor: pointer;
}
button[value="allow"] { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (forced-colors: active) { main, i { border: 1px solid; } }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def page(title: str, body: str, *, name: str = PRODUCT, kind: str = "", sign: str = "") -> str:
    """A page with the heading `title` and the HTML `body`.

    `name` says above the heading who shows it. `kind`, "good", "bad" or "neutral", is the colour of its mark, which
    holds the letter `sign`; it only repeats what the words say.
    """
    mark = f'<i aria-hidden="true">{escape(sign)}</i>' if sign else ""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - {PRODUCT}</title>
<style>{_STYLE}</style>
<main class="{kind}">
{mark}<p class="name">{escape(name)}</p>
<h1>{escape(title)}</h1>
{body}
</main>
</html>
"""


def policy(*form_targets: str) -> str:
    """The content security policy of a page. `form_targets` are the sources to which a form may send: none by default.

    `form-action` covers the redirect that follows a form, too.
    """
    targets = " ".join(form_targets) or "'none'"
    return (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action {targets}; frame-ancestors 'none';"
        " base-uri 'none'"
    )
