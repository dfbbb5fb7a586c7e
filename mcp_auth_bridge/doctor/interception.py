"""The products that read TLS connections on their way, recognised by the issuer of the certificates that they make.

They put a certificate of their own in place of the server's. Most let the customer choose another name for the issuer,
so that a certificate without these names may still come from one of them.
"""

import enum
import re
from collections.abc import Iterable

import msgspec


class Place(enum.Enum):
    """Where such a product runs."""

    NETWORK = "the network"
    HERE = "this machine"


class Interceptor(msgspec.Struct, frozen=True):
    """A product, and how it is recognised."""

    # Its name, for people.
    product: str
    # Where it runs.
    place: Place
    # What the common name or the organisation of the issuer contains, as a regular expression.
    pattern: str
    # Who shows a certificate with that name.
    source: str


_NETWORK, _HERE = Place.NETWORK, Place.HERE

INTERCEPTORS = (
    Interceptor("Zscaler", _NETWORK, r"zscaler", "O=Zscaler Inc.: sectigo/CTLogs #57, microsoft/vscode #207636"),
    Interceptor("Netskope", _NETWORK, r"netskope|goskope\.com", "CN=ca.TENANT.goskope.com: its TLS decryption"),
    Interceptor("Palo Alto Networks", _NETWORK, r"palo alto networks|prisma access", "O of its generated CAs"),
    Interceptor("Fortinet FortiGate", _NETWORK, r"fortinet|fortigate", "CN=FortiGate CA: rrrrrrri/fgt-gadgets #15"),
    Interceptor("Blue Coat (Symantec)", _NETWORK, r"blue ?coat|symantec web security", "O of ProxySG's keyring"),
    Interceptor("Cisco Umbrella", _NETWORK, r"cisco umbrella", "CN=Cisco Umbrella Root CA: Umbrella's documentation"),
    Interceptor(
        "Cloudflare Gateway", _NETWORK, r"gateway ca - cloudflare|cloudflare for teams", "cloudflare-docs #8051"
    ),
    Interceptor("Check Point", _NETWORK, r"check ?point", "O of its HTTPS Inspection CAs"),
    Interceptor("Sophos", _NETWORK, r"sophos|securityappliance_ssl_ca", "CN=SecurityAppliance_SSL_CA: its firewall"),
    Interceptor("McAfee (Skyhigh) Web Gateway", _NETWORK, r"mcafee|skyhigh", "CN=McAfee Web Gateway: its default CA"),
    Interceptor("Forcepoint (Websense)", _NETWORK, r"forcepoint|websense", "CN=Forcepoint Cloud CA: its cloud proxy"),
    Interceptor("Kaspersky", _HERE, r"kaspersky", "CN=Kaspersky Anti-Virus Personal Root Certificate: its own root"),
    Interceptor("ESET", _HERE, r"\beset\b", "CN=ESET SSL Filter CA: nodejs/help #4376"),
    Interceptor("Avast", _HERE, r"avast", "CN=Avast Web/Mail Shield Root: its Web Shield"),
    Interceptor("AVG", _HERE, r"\bavg\b", "CN=AVG Web/Mail Shield Root: as Avast"),
    Interceptor("Bitdefender", _HERE, r"bitdefender", "CN=Bitdefender Personal CA.Net-Defender: its Web Protection"),
    Interceptor("mitmproxy", _HERE, r"\bmitmproxy\b", "O=mitmproxy: mitmproxy's documentation, About Certificates"),
    Interceptor("Charles", _HERE, r"charles proxy|xk72 ltd", "O=XK72 Ltd: its documentation, SSL Certificates"),
    Interceptor("Fiddler", _HERE, r"fiddlerroot|fiddler root", "CN=DO_NOT_TRUST_FiddlerRoot: its documentation"),
    Interceptor("Burp Suite", _HERE, r"portswigger", "CN=PortSwigger CA: its documentation"),
    Interceptor(
        "OWASP ZAP", _HERE, r"zed attack proxy|zap root ca", "CN=OWASP Zed Attack Proxy Root CA: zaproxy #7691"
    ),
)


def recognise(names: Iterable[str]) -> Interceptor | None:
    """Recognise the product by the `names` of the issuers of its certificates, None if it is none of the list."""
    text = "\n".join(names).lower()
    return next((each for each in INTERCEPTORS if re.search(each.pattern, text)), None)
