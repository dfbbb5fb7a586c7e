"""The rules of the verdict about the way to the server (`rules.py`)."""

from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Rule, Urgency

_CA_FILE = 'write it into the server\'s network table of the configuration: ca_file = "/path/to/ca.pem"'

WAY = (
    Rule(
        (Symptom.NO_NETWORK,),
        Blame.NETWORK,
        "this machine has no network: no route leads beyond it",
        "connect it (Wi-Fi, cable, VPN), and if this is a container or a sandbox, give it a network",
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
        "requests have to go through {proxy}, and it cannot be reached: {error}",
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
        "no name server knows the host {host}, so its name is misspelt, or it is known only inside a network that this"
        " machine is not in",
        "check the URL, and turn your VPN on",
    ),
    Rule(
        (Symptom.NAME_SERVER_SILENT,),
        Blame.NETWORK,
        "no name server answers, so that the address of {host} cannot be found",
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
        (Symptom.TLS_INTERCEPTED,),
        Blame.NETWORK,
        "{product} in your network decrypts the connection to {host} and puts a certificate of its own in place of the"
        " server's, which this machine does not trust",
        f"ask your IT department for the CA certificate of {{product}} as a PEM file, and {_CA_FILE}",
    ),
    Rule(
        (Symptom.TLS_INTERCEPTED_HERE,),
        Blame.YOU,
        "{product} on this machine decrypts the connection to {host} and puts a certificate of its own in place of the"
        " server's, which the bridge does not trust",
        f"turn off its inspection of encrypted connections; or export its CA certificate as a PEM file, and {_CA_FILE}",
    ),
    Rule(
        (Symptom.CERTIFICATE_EXPIRED,),
        Blame.SERVER,
        "the certificate of {host} ended on {ended}, and its operator has not renewed it",
        "tell the server's operator",
        "The TLS certificate of {host}, or one in its chain, ended on {ended}. Renew it and restart the server.",
        unless=(Symptom.CLOCK_WRONG,),
    ),
    Rule(
        (Symptom.CERTIFICATE_NOT_YET_VALID,),
        Blame.UNKNOWN,
        "the certificate of {host} begins only on {begins}: either the clock of this machine is slow, or the server's"
        " operator has installed a certificate too early",
        "compare the clock of this machine; if it is right, tell the server's operator",
        "The TLS certificate of {host} begins only on {begins}. Until then, serve the one before it.",
        unless=(Symptom.CLOCK_WRONG,),
    ),
    Rule(
        (Symptom.CERTIFICATE_OTHER_HOST,),
        Blame.SERVER,
        "the server at {host} shows a certificate for other hosts: {hosts}",
        "check the host in the URL; in a hotel or a train, sign in to its network first; otherwise tell the server's"
        " operator",
        "The TLS certificate that is served for {host} (SNI) is for {hosts}. Serve one that names {host} in its"
        " subjectAltName.",
    ),
    Rule(
        (Symptom.ADDRESS_IN_URL,),
        Blame.YOU,
        "the URL has the address {host}, but the certificate of the server is for names: {hosts}",
        "write one of these names into the URL in place of the address",
    ),
    Rule(
        (Symptom.CHAIN_INCOMPLETE,),
        Blame.SERVER,
        "{host} sends only its own certificate and leaves out that of {issuer}, which browsers find elsewhere and other"
        " programs need",
        "tell the server's operator",
        "The server at {host} sends its TLS certificate without the intermediate certificate of {issuer}. Install the"
        " full chain (fullchain.pem with Let's Encrypt; ssl_certificate in nginx).",
    ),
    Rule(
        (Symptom.PUBLIC_ISSUER_UNKNOWN,),
        Blame.YOU,
        "the certificate of {host} comes from the public authority {issuer}, which this machine does not know: its list"
        " of authorities is missing or old",
        "install or update the list of this system (on Debian and Ubuntu: apt-get install ca-certificates)",
    ),
    Rule(
        (Symptom.PRIVATE_ISSUER,),
        Blame.YOU,
        "{host} is in your own network and has a certificate of an authority that this machine does not know, {issuer}",
        f"get the CA certificate of {{issuer}} from the server's operator as a PEM file, and {_CA_FILE}",
    ),
    Rule(
        (Symptom.SELF_SIGNED,),
        Blame.SERVER,
        "{host} has issued its certificate itself, so that no program can know whether it is the right server",
        "tell the server's operator, and do not use the server until then",
        "The TLS certificate of {host} is self-signed. Install one of a public CA, for example of Let's Encrypt.",
    ),
    Rule(
        (Symptom.CERTIFICATE_ISSUER_UNKNOWN,),
        Blame.NETWORK,
        "the certificate of {host} comes from {issuer} and not from a public authority: most likely your network"
        " decrypts connections, as many companies do, and this machine does not trust its authority",
        f"ask your IT department for the CA certificate of {{issuer}} as a PEM file, and {_CA_FILE}",
    ),
    Rule(
        (Symptom.NOT_TLS,),
        Blame.YOU,
        "the server at {origin} does not speak https at this port",
        "correct the port or the scheme (http, https) of the URL",
    ),
    Rule(
        (Symptom.CLIENT_CERTIFICATE_WANTED,),
        Blame.YOU,
        "{host} serves only clients that have a certificate of their own (mutual TLS), and none is configured",
        "get one from the server's operator, and write it into the server's network table of the configuration:"
        ' client_certificate = "/path/to/client.pem"',
    ),
    Rule(
        (Symptom.TLS_TOO_OLD,),
        Blame.SERVER,
        "{host} offers only old versions of TLS, which are no longer safe",
        "tell the server's operator",
        "The server at {host} offers TLS 1.1 or older only. Enable TLS 1.2 and 1.3 (RFC 8996).",
    ),
    Rule(
        (Symptom.HTTP_2_ONLY,),
        Blame.SERVER,
        "{host} accepts only HTTP/2, and the bridge speaks HTTP/1.1",
        "ask the server's operator to allow HTTP/1.1 as well",
        "The server at {host} refuses the ALPN protocol http/1.1. Allow it beside h2, at the server or at a proxy in"
        " front of it.",
    ),
    Rule(
        (Symptom.HANDSHAKE_BROKEN_OFF,),
        Blame.UNKNOWN,
        "{host} broke off the encrypted connection before it was made: it may want a client certificate, or settings of"
        " encryption that this machine does not offer",
        "ask the server's operator whether a client certificate is needed (client_certificate in the network table)",
    ),
    Rule(
        (Symptom.HANDSHAKE_CUT_OFF,),
        Blame.UNKNOWN,
        "{host} takes connections and ends them as soon as encryption begins: a firewall does not let this host pass,"
        " or what listens there does not speak https",
        "check the port in the URL, then ask the operator of your network whether {host} is allowed",
    ),
    Rule(
        (Symptom.HANDSHAKE_SILENT,),
        Blame.UNKNOWN,
        "{host} takes connections and then does not answer: a load balancer may have no server behind it, a firewall"
        " may hold the connection, or what listens there does not speak https",
        "check the port in the URL, then ask the server's operator whether the server is up",
    ),
)

LATER = (
    Rule(
        (Symptom.CERTIFICATE_ENDS_SOON,),
        Blame.SERVER,
        "everything works today, but the certificate of {host} ends on {ends}",
        "tell the server's operator",
        "The TLS certificate of {host} ends on {ends}. Renew it, and check why it was not renewed by itself.",
        urgency=Urgency.LATER,
    ),
    Rule(
        (Symptom.PLAIN_HTTP,),
        Blame.YOU,
        "everything works, but requests to {host} are not encrypted, so that each machine on the way can read them with"
        " their credentials",
        "write https:// into the URL, if the server offers it",
        urgency=Urgency.LATER,
    ),
)
"""They count after every failure."""
