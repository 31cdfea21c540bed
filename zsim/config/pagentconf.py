"""The Policy Agent's own files: environment, main and image configuration.

    environment   NAME=value                                          one a line
    main          LogLevel n
                  TcpImage stack [image-file] [FLUSH|NOFLUSH] [PURGE|NOPURGE] [interval]     (or PEPInstance)
                  CommonIpSecConfig file
    image         IpSecConfig file [FLUSH|NOFLUSH] [PURGE|NOPURGE]

FLUSH and PURGE are accepted and mean nothing for IP security. (halz002 pbn_flush_purge; halz001 tcpimage)
"""

from __future__ import annotations

from typing import NamedTuple

from zsim.config.source import Source, Token, lines
from zsim.findings import Finding, Where, did_you_mean, finding, number

INTERVAL = 1800  # seconds between looks at the files (tcpimage)

# Statements of other policy types: kept. They have no part in filtering.
OTHER_MAIN = (
    "CommonTTLSConfig", "CommonIdsConfig", "CommonRoutingConfig", "TTLSConfig", "IDSConfig", "QosConfig",
    "RoutingConfig",
    "ReadFromDirectory", "SetSubnetPrioTosMask", "PolicyPerfMonitorForSDR", "PolicyAction", "PolicyRule", "Codepage",
    "ServerConnection", "ClientConnection", "DynamicConfigPolicyLoad", "AutoMonitorParms", "AutoMonitorApps",
    "ServicesConnection", "PolicyServer", "LogFileSize",
)  # fmt: skip


class Image(NamedTuple):
    stack: str
    file: Token | None
    interval: int
    where: Where


class MainFile(NamedTuple):
    """Written out: LogLevel, then the images, then the common file. FLUSH and PURGE, which mean nothing for IP
    security, and the statements of other policy types are left out."""

    images: tuple[Image, ...]
    common: Token | None  # CommonIpSecConfig file
    loglevel: int | None
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        lines = [f"LogLevel           {self.loglevel}"] if self.loglevel is not None else []
        for image in self.images:
            file = f" {image.file.text}" if image.file else ""
            lines.append(f"TcpImage           {image.stack}{file} {image.interval}")
        lines += [f"CommonIpSecConfig  {self.common.text}"] if self.common else []
        return "".join(f"{line}\n" for line in lines)


class ImageFile(NamedTuple):
    """Written out: the IpSecConfig in effect."""

    ipsec: Token | None  # IpSecConfig file; a Token with text "" when coded without one
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        return f"IpSecConfig        {self.ipsec.text}".rstrip() + "\n" if self.ipsec else ""


def environment(source: Source) -> dict[str, str]:
    """NAME=value lines of a STDENV member; a leading `export` is allowed."""
    found = {}
    for line in source.text.split("\n"):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.lstrip().startswith("#"):
            found[name.strip()] = value.strip()
    return found


def place_of(source: Source, variable: str) -> Where | None:
    """Where a STDENV member sets a variable: the place of its value."""
    for at, line in enumerate(source.text.split("\n"), 1):
        if line.strip().removeprefix("export ").startswith(f"{variable}="):
            return Where(source.name, at, line.index("=") + 2)
    return None


def main_file(source: Source) -> MainFile:
    """The main configuration file. The last of a repeated statement wins (a simulator choice)."""
    images: list[Image] = []
    common: Token | None = None
    loglevel: int | None = None
    findings: list[Finding] = []
    own: list[Token] = []  # IpSecConfig, which is for an image file, or for this one where no TcpImage names another
    for row in lines(source, "#"):
        name, rest = row[0].upper, row[1:]
        if name in ("TCPIMAGE", "PEPINSTANCE"):
            image = _image(row, findings)
            images += [image] if image else []
        elif name == "COMMONIPSECCONFIG":
            common = _file(row, findings) or common
        elif name == "IPSECCONFIG":
            own.append(row[0])
        elif name == "LOGLEVEL":
            loglevel = _number(rest, findings, rest[0].where) if rest else None
        else:
            _other(row, ("TcpImage", "PEPInstance", "CommonIpSecConfig", "LogLevel"), "Policy Agent main", findings)
    if images and all(image.file is not None for image in images):
        hint = "put it in the image file that TcpImage names, or write CommonIpSecConfig here"
        what = {"name": "IpSecConfig", "file": "a main file whose TcpImage names an image file"}
        findings += [finding("misplaced", token.where, **what, hint=hint) for token in own]
    return MainFile(tuple(images), common, loglevel, tuple(findings))


_OF_MAIN = {each.upper(): each for each in ("TcpImage", "PEPInstance", "CommonIpSecConfig", "LogLevel")}


def image_file(source: Source, own: bool = True) -> ImageFile:
    """The image configuration file; the last IpSecConfig wins (a simulator choice). It is the main file where `own` is
    False."""
    ipsec: Token | None = None
    findings: list[Finding] = []
    for row in lines(source, "#"):
        if row[0].upper in _OF_MAIN:
            if own:
                what = {"name": _OF_MAIN[row[0].upper], "file": "an image file"}
                findings.append(finding("misplaced", row[0].where, **what, hint="put it in the main file"))
            continue
        if row[0].upper == "IPSECCONFIG":
            named = len(row) > 1 and row[1].upper not in _FLAGS
            ipsec = row[1] if named else Token("", row[0].where)
        else:
            _other(row, ("IpSecConfig", "TTLSConfig"), "Policy Agent image", findings)
    return ImageFile(ipsec, tuple(findings))


_FLAGS = ("FLUSH", "NOFLUSH", "PURGE", "NOPURGE")


def _image(row: tuple[Token, ...], findings: list[Finding]) -> Image | None:
    """TcpImage stack [file] [FLUSH] [PURGE] [interval]; each operand after the name may be left out."""
    if len(row) < 2:
        issued = "EZZ8779I PAGENT TCPIMAGE/PEPINSTANCE STATEMENTS CONTAIN ERRORS"
        findings.append(finding("syntax", row[0].where, issued, found="the end of the line",
                                expected="a stack name after TcpImage", hint="write TcpImage TCPIP file"))  # fmt: skip
        return None
    file: Token | None = None
    interval = INTERVAL
    for word in row[2:]:
        if word.upper in _FLAGS:
            continue
        if word.text.isdigit():
            interval = _number((word,), findings, word.where) or INTERVAL
        elif file is None and interval == INTERVAL:
            file = word
        else:
            break  # text after the last operand is ignored
    return Image(row[1].upper, file, interval, row[0].where)


def _file(row: tuple[Token, ...], findings: list[Finding]) -> Token | None:
    if len(row) > 1:
        return row[1]
    findings.append(finding("syntax", row[0].where, found="the end of the line", expected=f"a file after {row[0].text}",
                            hint="write //'DATA.SET(MEMBER)' or /path"))  # fmt: skip
    return None


def _number(words: tuple[Token, ...], findings: list[Finding], where: Where) -> int | None:
    try:
        return number(words[0].text, 0, 2147483647)
    except ValueError as why:
        findings.append(finding("syntax", where, found=words[0].text, expected="a number", hint=str(why)))
        return None


def _other(row: tuple[Token, ...], known: tuple[str, ...], language: str, findings: list[Finding]) -> None:
    if row[0].upper in {name.upper() for name in OTHER_MAIN}:
        findings.append(finding("kept", row[0].where, what=row[0].text))
    elif row[0].text not in "{}":
        hint = did_you_mean(
            row[0].text, (*known, *OTHER_MAIN), "see the Policy Agent chapter for the statements of this file"
        )
        findings.append(finding("unknown-statement", row[0].where, word=row[0].text, language=language, hint=hint))
