#!/usr/bin/env python3
"""
The remapping units at boot: on and everything quarantined, on both vendors' machines; a machine
without them runs, but assigns nothing; a card that is not the one planned costs its own workstation.
"""
from facts import functions
from lab import Tap, boot, guest, verdict, ws

tap = Tap()
UNITS = {
    "VT-d": ["-device", "intel-iommu,intremap=on,eim=on"],
    "AMD-Vi": ["-device", "amd-iommu,intremap=on,xtsup=on,pt=off"],
}
DEVICES = ["-netdev", "user,id=u0,restrict=on", "-device", "e1000e,addr=5.0,id=nic,netdev=u0",
           "-device", "qemu-xhci,addr=6.0,id=usb", "-device", "edu,addr=4.0,id=edu"]
FACTS = functions(DEVICES)


def one(name="one", cpu=1, **more):
    return ws(name, [cpu], "64M", guest("smoke"), **more)


def other_ids(device):
    path, ids = device.split("@")
    return path + "@1234:5678:" + ids.split(":", 2)[2]


for name, unit in UNITS.items():
    with boot([one()], 2, extra=unit + DEVICES) as m:
        m.wait_tallies(["one"], timeout=60)
        said = m.find(r"%s: 1 unit on, (\d+) functions quarantined, 0 behind no unit" % name)
        tap.ok(said, "%s: the unit is on, everything is quarantined" % name, m.log())
        verdict(tap, m.text("one"), "%s: a workstation without devices runs" % name, m.log())
        c = m.counters()
        tap.ok(said and len(c.devices) == int(said.group(1)) and all(
            d["state"] == "quarantined" and d["workstation"] is None for d in c.devices),
            "%s: the counters page has a row for each" % name, list(map(str, c.devices)))
        tap.ok(c.iommu_memory and c.iommu_memory < 4 << 20, "%s: the unit's tables take %d KiB" % (name, c.iommu_memory >> 10))

    with boot([one(), one("two", 2, device=other_ids(FACTS["nic"]))], 3, extra=unit + DEVICES) as m:
        m.wait_tallies(["one"], timeout=60)
        tap.ok(m.find(r"refused \(device-identity\): 0000:00:05\.0 for two .*1234:5678.*8086:10d3.*\. [A-Z]"),
               "%s: another card in that slot is named" % name, m.log())
        verdict(tap, m.text("one"), "%s: the other workstation runs all the same" % name, m.log())
        tap.ok(m.wait_state("two", ["failed"], timeout=10) and not m.find("two: started"),
               "%s: the one it was planned for has failed" % name, m.log())
        device = m.counters().device("0000:00:05.0")
        tap.ok(device["workstation"] is None and device["state"] == "quarantined", "%s: the card is nobody's" % name, [str(device)])

with boot([one()], 2, extra=DEVICES) as m:
    m.wait_tallies(["one"], timeout=60)
    tap.ok(m.find("describes no IOMMU: no device can be assigned"), "without a unit: it is said", m.log())
    verdict(tap, m.text("one"), "without a unit: a workstation without devices runs", m.log())

NO_REMAPPING = ["-device", "intel-iommu,intremap=off"]
for words, unit, rule in (("without a unit", [], "no-iommu"),
                          ("without interrupt remapping", NO_REMAPPING, "no-interrupt-remapping")):
    with boot([one(), one("two", 2, device=FACTS["nic"])], 3, extra=unit + DEVICES) as m:
        m.wait_tallies(["one"], timeout=60)
        tap.ok(m.find(r"refused \(%s\): two has devices, .*\. Switch on " % rule),
               "%s: a workstation with a device is refused, and why" % words, m.log())
        verdict(tap, m.text("one"), "%s: the one without runs" % words, m.log())
        tap.ok(not m.find("two: started"), "%s: the refused one does not" % words, m.log())
tap.done()
