"""URLs that an attacker would put into metadata, built from tables."""


def words(text):
    """Only spaces and line feeds separate words: other white space is part of the attack."""
    return [word for line in text.split("\n") for word in line.split(" ") if word]


SCHEMES = words("""
    http ftp ftps sftp file javascript data vbscript about blob ws wss ldap ldaps gopher dict tftp telnet ssh smb
    nfs jar netdoc mailto tel sms view-source chrome chrome-extension moz-extension resource vscode vscode-insiders
    cursor ms-msdt ms-officecmd ms-settings search-ms shell steam zoommtg slack intent market itms-services
    x-apple.systempreferences hcp res mk wyciwyg feed git svn magnet urn -https https-
""")

# All notations of addresses that a server on the internet must not lead to, and some invalid ones.
ADDRESSES = words("""
    127.0.0.1 127.1 127.0.1 127.255.255.254 0 0.0.0.0 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 0177.1 017700000001
    2130706433 127.0.0.1. 127.000.000.001 127.0.0.01 00127.0.0.1 localhost localhost. LOCALHOST sub.localhost.0x7f
    127.0.0.1.0 10.0.0.1 10.1 0xa000001 012.0.0.1 167772161 172.16.0.1 172.31.255.254 0xac100001 192.168.0.1
    192.168.1 0xc0a80001 0300.0250.0.1 3232235521 100.64.0.1 100.127.255.254 198.18.0.1 198.19.255.254
    169.254.169.254 169.254.0.1 0xa9fea9fe 0251.0376.0251.0376 2852039166 169.254.43518 100.100.100.200
    168.63.129.16 192.0.0.192 192.0.2.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    999.1.1.1 256.256.256.256 1.2.3 1.2.3.4.5 [::] [::1] [0:0:0:0:0:0:0:1] [0000::0001] [::127.0.0.1] [::7f00:1]
    [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:10.0.0.1] [::ffff:169.254.169.254] [::ffff:a9fe:a9fe]
    [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::a00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::10.0.0.1]
    [2002:7f00:1::] [2002:a00:1::1] [2002:c0a8:1::1] [2002:a9fe:a9fe::] [fe80::1] [fe80::1%25eth0] [fe80::1%eth0]
    [febf::1] [fec0::1] [fc00::1] [fd00::1] [fd00:ec2::254] [fd20:ce::254] [ff02::1] [ff05::2] [100::1] [2001::1]
    [2001:0:7f00:1::] [2001:db8::1] [3fff::1] [5f00::1] [v1.127.0.0.1] [::1]evil.example evil.example[::1] [[::1]]
    [::1 ::1] [] [:] [1.2.3.4] \u2460\u2461\u2466.0.0.1 127\u30020\u30020\u30021 \uff11\uff12\uff17.0.0.1
    127.0.0.1%00.evil.example 127.0.0.1%2f 127.0.0.1%23
""")

# Characters that are special to a shell, an opener, a log or a page.
PAYLOADS = words("""
    $(id) `id` ;id |id &id &&id ||id >x <x $IFS ${IFS} $(touch${IFS}/tmp/x) %0aid %0d%0aX:y \\\\ \\ ' " '" ^ ! * ? #
    ~ {a,b} --renderer-cmd-prefix=id -x @file %s %u %00 %2e%2e/ ../ ..\\ ;calc.exe &calc.exe ^&calc %COMSPEC%
    {{7*7}} <script>alert(1)</script> "><img> javascript:alert(1) \u202e \u200b \u2028 \ufeff \xe9 \U0001f600
    \x1b[31m \x1b]8;;x\x07 \x00 \x07 \x08 \x7f \x85
""")

USERS = words("""
    user@ user:pw@ @ :@ as.example@ as.example:443@ as.example%40 as.example\\@ as.example#@
""")
PORTS = words("""
    :0 :00 :-1 :65536 :99999 :80:80 :x :\uff14\uff14\uff13 :0x50 :22 :25 :6379
""")
SHAPES = words("""
    evil.example //evil.example /evil.example ///evil.example \\\\evil.example\\x https:evil.example
    https:/evil.example https:///evil.example https:\\\\evil.example https:/\\evil.example https:// https://?
    https://# https://. https://.. https://- https://.evil.example https://evil..example https://-evil.example
    https://evil_.example- https://*.example https://as.example.evil.example https://evil-as.example
    https://as.example- https://as.exampl\u0435 https://xn--s-1ga.example https://as.example.co.uk
    https://evil.example/https://as.example https://evil.example?x=https://as.example
    https://evil.example#as.example HTTPS://EVIL.EXAMPLE hTTp://as.example https://as.example:8443@evil.example
    https://evil.example/%2e%2e/%2e%2e/
""")


def corpus():
    """Each URL once, in a fixed order."""
    urls = [f"{scheme}:{rest}" for scheme in SCHEMES for rest in ("//evil.example/x", "alert(1)")]
    urls += [f"{scheme}://{host}{port}/x" for host in ADDRESSES for scheme, port in (("https", ""), ("http", ":8080"))]
    places = (
        "https://evil{}.example/x",
        "https://evil.example/{}",
        "https://evil.example/?q={}",
        "{}https://evil.example/",
    )
    urls += [place.format(text) for text in PAYLOADS for place in places]
    urls += [f"https://{user}evil.example/x" for user in USERS]
    urls += [f"https://evil.example{port}/x" for port in PORTS]
    urls += [place.format(chr(code)) for code in (*range(0x21), *range(0x7F, 0xA1)) for place in places[:2]]
    urls += ["https://evil.example: 443/x", "https://evil.example:443\n/x"]
    return list(dict.fromkeys([*urls, *SHAPES, "", " ", "https://" + "a" * 9000, "https://evil.example/" + "a" * 9000]))
