"""
What `lspci -vv` says of a function, and how what a workstation sees of it differs from the device
itself. Every difference that may be is a row with its reason; there must be no other.
"""
import difflib
import re

# A difference is one line of text: `PLACE: X for Y`, `PLACE: without Y`, `PLACE: with X`, where Y is what the
# device itself says and X what the workstation is told; or `no PLACE: TEXT`, `new PLACE: TEXT` for whole entries.
DIFFERENCES = [
    (r"no Interrupt: pin [A-D] routed to IRQ \d+",
     "INTx does not exist for a workstation: lines are shared, and their interrupts would be exits"),
    (r"Control: I/O- for I/O\+", "there is no I/O space for devices"),
    (r"no Region \d: I/O ports at .*", "there is no I/O space for devices"),
    (r"Control: SERR- for SERR\+", "the machine's firmware switches it on; a workstation starts from the reset state"),
    (r"(Region \d|Expansion ROM): [0-9a-f]{8,16} for [0-9a-f]{8,16}", "each workstation has its own addresses"),
    (r"no Expansion ROM: .*", "only a display's driver reads a ROM; others hold code for a firmware's boot"),
    (r"no Physical Slot: \d+", "the machine's slots are its own: nothing is plugged under a running workstation"),
    (r"\[\w+\] Power Management version \d Status: NoSoftRst\+ for NoSoftRst-",
     "D3hot is the view's, which keeps the registers over it"),
    (r"\[\w+\] Express .* DevCap: FLReset\+ for FLReset-", "offered where some reset works that takes no neighbour with it"),
    (r"\[\w+\] Express .* DevCtl: with FLReset-", "lspci prints it where FLR is offered"),
    (r"\[\w+\] Express .* DevCtl: ExtTag\+ for ExtTag-",
     "tags belong to the path up to the root, which is the host's: the view keeps what Linux sets, these devices do not"),
    (r"\[\w+\] Express .* DevCtl2: (16ms for 50us|55ms for 50ms)",
     "completion timeouts likewise: the view keeps what Linux sets, these devices do not"),
    (r"\[\w+\] Express .* DevCap2: ExtFmt- EETLPPrefix- for ExtFmt\+ EETLPPrefix\+ MaxEETLPPrefixes \d",
     "prefixes carry PASIDs, and those are hidden"),
    (r"\[\w+\] Express .* LnkCap: not supported for L0s Exit Latency L0s <64ns",
     "the link's power belongs to both its ends, of which one is the host's"),
    (r"no \[\w+\] Advanced Error Reporting.*", "errors are reported to the host's root port, and cleared by the host"),
    (r"new \[100\] Null: ", "the extended list begins at 100h: what is hidden there is an empty capability"),
    (r"no \[\w+\] Alternative Routing-ID Interpretation \(ARI\).*", "its functions' numbers are the host's to give"),
    (r"no \[\w+\] Single Root I/O Virtualization \(SR-IOV\).*", "only the hypervisor makes virtual functions"),
]


class Function:
    def __init__(self, title):
        self.title = title
        self.entries = {}  # "Control", "Express (v2) Endpoint DevCap", ...: text


def read(lines):
    """{slot: Function} of the lines that begin with `lspci: `."""
    found, now, part, key = {}, None, "", ""
    for line in lines:
        m = re.match(r"lspci: (.*)$", line)
        text = m.group(1) if m else ""
        m2 = re.match(r"((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (.*)$", text)
        if m2:
            now = found.setdefault(m2.group(1), Function(m2.group(2)))
            part = key = ""
        elif text.startswith("\t") and now:
            body = text.strip()
            if text.startswith("\tCapabilities: "):
                part = re.sub(r"^Capabilities: \[\w+( v\d+)?\] ", "", body)
                part, _, rest = part.partition(": ")
                key, body = "[%s] %s" % (re.match(r"Capabilities: \[(\w+)", body).group(1), part), rest
                part = key + " "
            elif not text.startswith("\t\t"):
                part = ""
            if not text.startswith("\tCapabilities: "):
                m3 = re.match(r"([A-Z][A-Za-z0-9 ]*):\s*(.*)$", body) or re.match("(Expansion ROM) at (.*)$", body)
                if m3:
                    key, body = part + m3.group(1), m3.group(2)
            now.entries[key] = (now.entries.get(key, "") + " " + body).strip()
    return found


def words(text):
    return re.findall(r"[^\s,;]+", text)


def differences(real, seen):
    out = []
    for k in real.entries:
        if k not in seen.entries:
            out.append("no %s: %s" % (k, real.entries[k]))
    for k in seen.entries:
        if k not in real.entries:
            out.append("new %s: %s" % (k, seen.entries[k]))
            continue
        a, b = words(real.entries[k]), words(seen.entries[k])
        for op, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
            was, now = " ".join(a[i1:i2]), " ".join(b[j1:j2])
            if op != "equal":
                out.append("%s: %s" % (k, "%s for %s" % (now, was) if was and now else "without " + was if was else "with " + now))
    return out


def row(difference):
    """Index of the row that explains it; None: there is none."""
    return next((i for i, (pattern, _) in enumerate(DIFFERENCES) if re.fullmatch(pattern, difference)), None)
