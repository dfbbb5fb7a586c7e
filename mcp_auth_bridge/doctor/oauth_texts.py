"""Texts for the operators of MCP servers and authorization servers: the header to send, the document to publish.

Each is a template for a rule of the verdict (`rules.py`). A brace of JSON is doubled.
"""

_HEADER = '  WWW-Authenticate: Bearer resource_metadata="{place}"'

_SERVER_METADATA = """\
  {{"issuer": "AUTHORIZATION-SERVER",
   "authorization_endpoint": "AUTHORIZATION-SERVER/authorize",
   "token_endpoint": "AUTHORIZATION-SERVER/token",
   "registration_endpoint": "AUTHORIZATION-SERVER/register",
   "response_types_supported": ["code"],
   "grant_types_supported": ["authorization_code", "refresh_token"],
   "token_endpoint_auth_methods_supported": ["none"],
   "code_challenge_methods_supported": ["S256"]}}\
"""

NO_METADATA = (
    """\
Clients cannot find out how to log in to {url}. They need a header and two documents:

1. In every response with HTTP 401 (RFC 9728 section 5.1):

"""
    + _HEADER
    + """

2. At {place}, as application/json (RFC 9728 section 2):

  {{"resource": "{url}", "authorization_servers": ["https://AUTH.EXAMPLE"]}}

3. At https://AUTH.EXAMPLE/.well-known/oauth-authorization-server, as application/json (RFC 8414 section 2):

"""
    + _SERVER_METADATA.replace("AUTHORIZATION-SERVER", "https://AUTH.EXAMPLE")
    + """

https://AUTH.EXAMPLE stands for your authorization server, which may be {origin} itself. All these addresses answer
without credentials.\
"""
)

METADATA_WALLED = """\
A firewall in front of {host} answers GET {place} with a web page and HTTP 403. MCP clients are programs: they have
no cookies and run no JavaScript. Let these requests pass the firewall:

  GET {host}/.well-known/…
  GET and POST for the endpoints of the authorization server\
"""

METADATA_ELSEWHERE = (
    """\
The header WWW-Authenticate of {url} names resource_metadata={named}, which is at another origin, so that clients
ignore it. (A server behind a proxy often names its inner host.) Send this header, and publish the document there
(RFC 9728 sections 3 and 5.1):

"""
    + _HEADER
)

METADATA_MOVED = """\
GET {place} redirects to {location}, at another origin, where clients must not follow. Name the authorization server in
a document of your own instead, as application/json (RFC 9728 section 2):

  GET {origin}/.well-known/oauth-protected-resource
  {{"resource": "{url}", "authorization_servers": ["{issuer}"]}}\
"""

METADATA_GUARDED = """\
GET {place} redirects to {location}. The documents below /.well-known/ are public: let requests for them pass without a
login, and answer with HTTP 404 where there is none.\
"""

METADATA_FAILING = """\
GET {place} is answered with {answer}. Where there is no document, answer with HTTP 404: clients cannot tell
whether there is one, and do not log in until the failure is over.\
"""

RESOURCE_MALFORMED = """\
The document at {place} does not conform to RFC 9728 section 2: {problem}. It has at least these members:

  {{"resource": "{url}", "authorization_servers": ["https://AUTH.EXAMPLE"]}}\
"""

ISSUER_MALFORMED = """\
The document at {place}, for the issuer {issuer}, does not conform to RFC 8414 section 2: {problem}. Correct that
member.\
"""

RESOURCE_FOREIGN = """\
The document at {place} is the metadata of {resource}, not of {url}: clients must not use it (RFC 9728 section 3.3).
Publish it with this member:

  "resource": "{url}"\
"""

NO_AUTHORIZATION_SERVER = """\
The document at {place} names no authorization server (RFC 9728 section 2; MCP requires at least one). Add this
member, with the issuer identifier of your authorization server:

  "authorization_servers": ["https://AUTH.EXAMPLE"]\
"""

ISSUER_REFUSED = """\
The protected-resource metadata of {url} name an authorization server that clients on the internet must not be led
to: {error}. Name its public https URL:

  "authorization_servers": ["https://AUTH.EXAMPLE"]\
"""

ISSUER_TEMPLATE = """\
The protected-resource metadata of {url} name {issuer}. The metadata of that authorization server have the issuer
{named}, a template that is not the issuer of any token (RFC 8414 section 3.3). Name the issuer of one tenant:

  "authorization_servers": ["https://login.microsoftonline.com/TENANT-ID/v2.0"]\
"""

WRONG_ISSUER = """\
The document at {place} has the issuer {named}, but clients were sent there to find {issuer}. The two must be equal,
character by character (RFC 8414 section 3.3). Publish it with this member:

  "issuer": "{exact}"

or let the protected-resource metadata of the MCP server {url} name the other one:

  "authorization_servers": [the value of "issuer"]\
"""

NO_SERVER_METADATA = """\
The authorization server {issuer} publishes no metadata that a client could use (RFC 8414 section 3). Publish at
{place}, as application/json:

""" + _SERVER_METADATA.replace("AUTHORIZATION-SERVER", "{exact}")

ENDPOINT_UNNAMED = """\
The document at {place} lacks {member}, without which no user can log in (RFC 8414 section 2). Add this member:

  "{member}": "https://…"\
"""

NO_S256 = """\
The document at {place} does not say that the authorization server supports PKCE with S256. MCP clients must refuse to
log in then (MCP "Authorization Code Protection"). If the server supports it, add this member:

  "code_challenge_methods_supported": ["S256"]\
"""

ENDPOINT_REFUSED = """\
The metadata of the authorization server of {url} name an endpoint that clients must not use: {error}. Name public
https URLs only (RFC 8414 section 2, MCP "Communication Security").\
"""

NO_REGISTRATION = """\
The authorization server {issuer} of {url} registers no clients by itself. Offer one of these ways (MCP "Client
Registration Approaches"), with the member that announces it in the metadata (RFC 8414):

  "registration_endpoint": "https://…"               dynamic client registration (RFC 7591)
  "client_id_metadata_document_supported": true      client ID metadata documents

Otherwise, give your users the client_id of a public client with the redirect URI {callback}
(any port, RFC 8252 section 7.3).\
"""

ENDPOINT_MISSING = """\
The metadata of the authorization server of {url} say that {what} is at {place}. There is nothing there: {answer}.
Correct the metadata, or route that address (RFC 8414 section 2).\
"""

ENDPOINT_WALLED = """\
A firewall in front of {host} answers requests from programs to {what}, {place}, with a web page and HTTP 403. Let GET,
OPTIONS and POST requests to that address pass; clients send no cookies and run no JavaScript.\
"""

ENDPOINT_MOVED = """\
The metadata of the authorization server of {url} say that {what} is at {place}, which redirects to {location}.
Clients do not send codes and tokens where a redirect leads. Publish the address itself in the metadata (RFC 8414
section 2).\
"""
