"""The rules of the verdict about the entries of clients (`rules.py`)."""

from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Rule

CLIENT = (
    Rule(
        (Symptom.ENTRY_FILE_INVALID,),
        Blame.YOU,
        "{file}, from which {client} reads its servers, is not valid: {error}",
        "correct that line, then {reload}",
    ),
    Rule(
        (Symptom.ENTRY_COMMAND_MISSING,),
        Blame.YOU,
        "the entry for {server} in {client} starts {command}, and there is no such program",
        "in {file}, replace it with {entry}, then {reload}",
    ),
    Rule(
        (Symptom.ENTRY_COMMAND_HIDDEN,),
        Blame.IDE,
        "{client} looks for programs in fewer folders than your terminal, and {command} is in none of them",
        'in {file}, write the full path as the command: "{path}", then {reload}',
    ),
    Rule(
        (Symptom.ENTRY_UNEXPANDED,),
        Blame.YOU,
        "the entry for {server} in {client} uses {variable}, which {client} does not replace with its value",
        'in {file}, leave the variable out, and refer to the secret as "env:NAME", "file:PATH" or "keyring:NAME"',
    ),
    Rule(
        (Symptom.ENTRY_PLACEHOLDER,),
        Blame.YOU,
        "the entry for {server} in {client} still has a placeholder in place of the value of {name}",
        "in {file}, write the real value of {name}",
    ),
    Rule(
        (Symptom.ENTRY_LACKS_VARIABLE,),
        Blame.IDE,
        "{client} does not pass {variable} on to the bridge, so the bridge works in your terminal, but not there",
        'in {file}, add {variable} to the entry, or keep a secret elsewhere: "file:PATH" or "keyring:NAME"',
    ),
    Rule(
        (Symptom.ENTRY_FAILS,),
        Blame.YOU,
        "the entry for {server} in {client} does not work: {error}",
        "correct the entry in {file}",
    ),
    Rule(
        (Symptom.ENTRY_FAILS_THERE,),
        Blame.IDE,
        "the bridge works in this terminal, but not as {client} starts it: {error}",
        "{hint} ({file})",
    ),
    Rule(
        (Symptom.ENTRY_SLOW,),
        Blame.YOU,
        "the entry for {server} in {client} may download the bridge at each start, and was not ready after {seconds} s",
        "install the bridge from a clone (uv tool install .), and in {file}, write its full path as the command",
    ),
    Rule(
        (Symptom.ENTRY_DISABLED,),
        Blame.YOU,
        "the entry for {server} in {client} is switched off",
        "switch it on in {client}, or in {file}",
    ),
    Rule(
        (Symptom.ENTRY_OF_ANOTHER_URL,),
        Blame.YOU,
        "no client has an entry for {url}, but {client} has one for {other}",
        "correct it in {file}; if it is right, run: mcp-auth-bridge doctor {other}",
    ),
    Rule(
        (Symptom.ENTRY_HOLDS_SECRET,),
        Blame.YOU,
        "{file} holds the secret {name} in plain text, for everyone who can read that file",
        'keep it elsewhere: write "env:NAME", "file:PATH" or "keyring:NAME" in its place',
    ),
)
