"""What gateways are told to do: swanctl.conf and ipsec.conf, of strongSwan and libreswan.

    braces, sections   the two syntaxes -> settings, by section, each with its place
    files              a file or a folder, with what it includes -> connections
    connections        settings -> a connection
    transforms         aes256-sha256-modp2048 -> the names that IKE's registry has
    comparing          connections and what was seen; both ends' connections

Secrets are not read: a section of them is skipped while it is parsed, and files of them are not
opened.
"""
