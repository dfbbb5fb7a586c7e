"""The rules of the verdict about TLS and the version of HTTP (`rules.py`)."""

from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Rule

_CA_FILE = 'write its path into the server\'s network table of the configuration: ca_file = "…"'

TLS = (
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
        "the certificate of {host} expired on {ended}, and its operator has not renewed it",
        "tell the server's operator",
        "The TLS certificate of {host}, or one in its chain, expired on {ended}. Renew it and restart the server.",
        unless=(Symptom.CLOCK_WRONG,),
    ),
    Rule(
        (Symptom.CERTIFICATE_NOT_YET_VALID,),
        Blame.UNKNOWN,
        "the certificate of {host} is not valid until {begins}: the clock of this machine is slow, or the server's"
        " operator has installed a certificate too early",
        "compare the clock of this machine; if it is right, tell the server's operator",
        "The TLS certificate of {host} is not valid until {begins}. Until then, serve the one before it.",
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
        (Symptom.CERTIFICATE_MISSING,),
        Blame.SERVER,
        "{maker} in front of {host} has no certificate for it, and shows one that it made itself",
        "check the host in the URL; if it is right, tell the server's operator",
        "For {host} (SNI), {maker} serves its default certificate. Configure one for this host, from a public CA.",
    ),
    Rule(
        (Symptom.CAPTIVE_PORTAL,),
        Blame.NETWORK,
        "your network wants you to sign in to it first, as in a hotel or a train: {portal} answers in place of {host}",
        "open any web page in a browser, and sign in to the network; then run: {doctor}",
    ),
    Rule(
        (Symptom.CERTIFICATE_FOREIGN,),
        Blame.UNKNOWN,
        "another server answers in place of {host}: its certificate is for {hosts} and comes from {issuer}, which this"
        " machine does not know. It may be the sign-in page of the network in a hotel or a train, or a wrong setting of"
        " the server",
        "open any web page in a browser, and sign in to the network if it asks for that; otherwise tell the server's"
        " operator",
        "For {host} (SNI), a certificate for {hosts} of {issuer} is served. Serve one of a public CA for this host.",
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
        "{host}, on this machine or in your own network, has a certificate from an authority that this machine does not"
        " know, {issuer}",
        f"get the CA certificate of {{issuer}} from the server's operator as a PEM file, and {_CA_FILE}",
    ),
    Rule(
        (Symptom.SELF_SIGNED,),
        Blame.SERVER,
        "{host} has issued its certificate itself, so that no program can know whether it is the right server",
        "tell the server's operator, and do not use the server until then",
        "The TLS certificate of {host} is self-signed. Install one from a public CA, for example Let's Encrypt.",
    ),
    Rule(
        (Symptom.CERTIFICATE_ISSUER_UNKNOWN,),
        Blame.NETWORK,
        "the certificate of {host} comes from {issuer} and not from a public authority: most likely your network"
        " decrypts connections, as many companies do, and this machine does not trust its authority",
        f"ask your IT department for the CA certificate of {{issuer}} as a PEM file, and {_CA_FILE}",
    ),
    Rule(
        (Symptom.CERTIFICATE_REFUSED,),
        Blame.UNKNOWN,
        "{error}",
        "ask the server's operator to check its certificate, and whether other clients accept it",
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
        "get one from the server's operator as a PEM file, and write its path into the server's network table of the"
        ' configuration: client_certificate = "…"',
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
        " or the program that listens there does not speak https",
        "check the port in the URL, then ask the operator of your network whether {host} is allowed",
    ),
    Rule(
        (Symptom.HANDSHAKE_SILENT,),
        Blame.UNKNOWN,
        "{host} takes connections and then does not answer: a load balancer may have no server behind it, a firewall"
        " may hold the connection, or the program that listens there does not speak https",
        "check the port in the URL, then ask the server's operator whether the server is up",
    ),
)
