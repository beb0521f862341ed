"""What a display shows, read back from the emulator, against what job_kms (tests/guests/debian/kms.c) draws."""
import os


def expected(width, height, seed):
    rows = []
    for y in range(height):
        g = (y * 5 + seed * 20) & 0xff
        rows.append(b"".join(bytes(((x * 3 + seed * 40) & 0xff, g, (x ^ y ^ seed) & 0xff)) for x in range(width)))
    return b"".join(rows)


def compare(qmp, device, seed, folder):
    """None when the display shows the picture of `seed`; else what is wrong."""
    path = os.path.join(folder, device + ".ppm")
    answer = qmp.ask("screendump", filename=path, device=device)
    if "error" in answer:
        return answer["error"]["desc"]
    with open(path, "rb") as f:
        data = f.read()
    head = data.split(b"\n", 3)
    width, height = map(int, head[1].split())
    wrong = sum(a != b for a, b in zip(head[3], expected(width, height, seed)))
    return None if not wrong and len(head[3]) == 3 * width * height else "%d bytes of %dx%d differ" % (wrong, width, height)
