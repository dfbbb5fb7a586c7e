"""The rules of the verdict about the way to the server (`rules.py`)."""

from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Rule, Urgency

WAY = (
    Rule(
        (Symptom.NO_NETWORK,),
        Blame.NETWORK,
        "this machine has no network: no route leads beyond it",
        "connect it (Wi-Fi, cable, VPN), and if this is a container or a sandbox, give it a network",
    ),
    Rule(
        (Symptom.TOO_MANY_FILES,),
        Blame.YOU,
        "the bridge cannot open another connection, because its limit of open files is too low",
        "raise it (ulimit -n) for the program that starts the bridge, for example to 1024",
    ),
    Rule(
        (Symptom.NETWORK_SETTINGS_UNUSABLE,),
        Blame.YOU,
        "a setting of the network cannot be used: {error}",
        "{hint}",
    ),
    Rule(
        (Symptom.PROXY_UNREACHABLE,),
        Blame.NETWORK,
        "requests have to go through {proxy}, which cannot be reached: {error}",
        "turn your VPN on if the proxy belongs to it; if there is no such proxy any more, delete the setting",
    ),
    Rule(
        (Symptom.PROXY_WANTS_LOGIN,),
        Blame.NETWORK,
        "{error}, so that no request reaches {host}",
        "put your user and password for the proxy into its URL, http://USER:PASSWORD@HOST:PORT, or ask its operator to"
        " let requests to {host} pass without them",
    ),
    Rule(
        (Symptom.PROXY_REFUSES,),
        Blame.NETWORK,
        "the proxy of your network does not let requests to {host} pass: {error}",
        "ask its operator to allow {host}; if {host} can be reached without the proxy, add it to NO_PROXY",
    ),
    Rule(
        (Symptom.PROXY_FAILS,),
        Blame.UNKNOWN,
        "the proxy could not make a connection to {host}: {error}; the proxy may be broken, or the server down",
        "ask the proxy's operator whether the proxy reaches {host}; if {host} can be reached without it, add it to"
        " NO_PROXY",
    ),
    Rule(
        (Symptom.NAME_UNKNOWN,),
        Blame.YOU,
        "no name server knows the host {host}, so the name is misspelt, or it is known only inside a network that"
        " this machine is not in",
        "check the URL, and turn your VPN on",
    ),
    Rule(
        (Symptom.NAME_BLOCKED,),
        Blame.NETWORK,
        "a filter blocks {host}: in place of its address, the name server of this machine gives one that leads nowhere,"
        " as ad blockers, parental controls and some companies do",
        "allow {host} in that filter, or ask the operator of your network to do so",
    ),
    Rule(
        (Symptom.NAME_SERVER_SILENT,),
        Blame.NETWORK,
        "the address of {host} cannot be found, because no name server answers, or the one that does has a fault",
        "check the network and the VPN of this machine, and the name servers in its settings",
    ),
    Rule(
        (Symptom.REFUSED_HERE,),
        Blame.YOU,
        "no server runs at {place}: this machine refuses connections there",
        "start the server, or correct the port in the URL",
    ),
    Rule(
        (Symptom.REFUSED,),
        Blame.SERVER,
        "the machine at {place} is there and refuses connections: no server runs at this port",
        "check the port in the URL; if it is right, tell the server's operator that the server is down",
        "Connections to {place} are refused (TCP RST): nothing listens at this port. Start the server, or publish the"
        " port at which it listens.",
    ),
    Rule(
        (Symptom.CONNECTION_SILENT,),
        Blame.NETWORK,
        "connections to {place} disappear: most likely a firewall drops them without a word; it is also possible that"
        " the server's machine is off",
        "turn your VPN on if the server needs it; otherwise ask the operator of your network to allow connections from"
        " this machine to {place}",
    ),
    Rule(
        (Symptom.NO_ROUTE,),
        Blame.NETWORK,
        "this machine has a network, but it knows no way to {place}",
        "turn your VPN on if the server needs it; otherwise ask the operator of your network for a route to {place}",
    ),
    Rule(
        (Symptom.CONNECTION_FORBIDDEN,),
        Blame.YOU,
        "this machine does not allow the bridge to connect to {place}: its firewall forbids it, or the sandbox of the"
        " program that started the bridge",
        "allow connections to {place} there",
    ),
)

LATER = (
    Rule(
        (Symptom.ENDPOINT_WANTED_LATER,),
        Blame.AUTHORIZATION_SERVER,
        "everything works today, but your login to {server} cannot be renewed: {what} does not work ({answer})",
        "send the operator of the login the text that this prints: {doctor} --for-operator",
        "{what} at {place} answers {answer}. Let POST requests of programs through to it.",
        urgency=Urgency.LATER,
    ),
    Rule(
        (Symptom.CERTIFICATE_ENDS_SOON,),
        Blame.SERVER,
        "everything works today, but the certificate of {host} expires on {ends}",
        "tell the server's operator",
        "The TLS certificate of {host} expires on {ends}. Renew it, and check why it was not renewed by itself.",
        urgency=Urgency.LATER,
    ),
    Rule(
        (Symptom.PLAIN_HTTP,),
        Blame.YOU,
        "everything works, but requests to {host} are not encrypted, so that each machine on the way can read them,"
        " including their credentials",
        "write https:// into the URL, if the server offers it",
        urgency=Urgency.LATER,
    ),
)
"""They count after every failure."""
