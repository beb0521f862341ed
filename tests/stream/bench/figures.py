"""Medians, their intervals, verdicts, and the picture."""
import sys

bad = []


def median(v):
    s = sorted(v)
    return (s[(len(s) - 1) // 2] + s[len(s) // 2]) / 2 if s else float("nan")


def interval(v):
    """Of the median, at least 95 %: by order statistics (n >= 6), else all that was seen."""
    s, n = sorted(v), len(v)
    k, tail, p = -1, 0.0, 0.5 ** n if n else 1
    while n and k + 1 < n // 2 and tail + p <= 0.025:
        k += 1
        tail += p
        p = p * (n - k) / (k + 1)
    k = max(k, 0)
    return (s[k], s[n - 1 - k]) if s else (float("nan"),) * 2


def show(name, value, unit):
    print("%s %.4g %s" % (name, value, unit))
    sys.stdout.flush()


def judge(name, values, bar, words):
    """Holds if the interval of the median lies below the bar; on both sides of it: inconclusive, which is no pass."""
    lo, hi = interval(values)
    verdict = "holds" if hi <= bar else "misses" if lo > bar else "inconclusive"
    if verdict != "holds":
        bad.append(name)
    print("# %s: %s (%.4g, %.4g to %.4g; bar %s)" % (name, verdict, abs(median(values)), *sorted((abs(lo), abs(hi))), words)
          if bar < 0 else
          "# %s: %s (%.4g, %.4g to %.4g; bar %s)" % (name, verdict, median(values), lo, hi, words))
    sys.stdout.flush()


def series(rounds, system, key):
    return [r[system][key] for r in rounds if r.get(system, {}).get(key, -1) >= 0]


def pairs(rounds, key, other, what=lambda c, t: c / t):
    """One value a turn in which both came to a figure."""
    both = [(r.get("C", {}).get(key, -1), r.get(other, {}).get(key, -1)) for r in rounds]
    return [what(c, t) for c, t in both if c >= 0 and t > 0]


# ---- the picture -------------------------------------------------------------------------------

COLOURS = {"C": "#1f6f8b", "T": "#c9772c", "TL": "#8a8f98", "X": "#b9bec6"}
PANELS = (
    ("Latency, median ms (shorter is better)", "ms", 1,
     (("m3d.latency_p50", "a 3D picture"), ("kidle.p50", "a key, at rest"), ("k3d.p50", "a key, while 3D moves"))),
    ("Bytes a shown picture, KB (shorter is better)", "KB", 1e-3, (("m3d.bytes", "3D motion"), ("mtext.bytes", "scrolled text"))),
)


def draw(path, rounds, names, caption):
    """Bars of the medians, with the interval as a line."""
    out, y, width, left = [], 56, 860, 190

    def text(x, y, s, size=13, anchor="start", fill="#222"):
        out.append('<text x="%g" y="%g" font-size="%d" text-anchor="%s" fill="%s">%s</text>' % (x, y, size, anchor, fill, s))

    text(20, 28, "caprock beside TigerVNC and x11vnc", 18)
    for title, unit, scale, rows in PANELS:
        text(20, y, title, 14)
        y += 12
        data = [(label, [(s, [v * scale for v in series(rounds, s, key)]) for s in names]) for key, label in rows]
        top = max([interval(v)[1] for _, row in data for _, v in row if v] or [1]) or 1
        for label, row in data:
            text(left - 10, y + 11 + 9 * len(names), label, 13, "end")
            for s, v in row:
                if v:
                    w = (width - left - 150) / top
                    lo, hi = interval(v)
                    out.append('<rect x="%g" y="%g" width="%.1f" height="14" fill="%s"/>' % (left, y + 4, median(v) * w, COLOURS[s]))
                    out.append('<path d="M%.1f %gH%.1f" stroke="#222" stroke-width="1.5"/>' % (left + lo * w, y + 11, left + hi * w))
                    text(left + hi * w + 8, y + 15, "%.3g %s" % (median(v), unit), 11, fill="#444")
                y += 18
            y += 12
        y += 26
    x = 20
    for s in names:
        out.append('<rect x="%g" y="%g" width="14" height="14" fill="%s"/>' % (x, y - 11, COLOURS[s]))
        text(x + 20, y + 1, names[s], 12)
        x += 40 + 7.2 * len(names[s])
    text(20, y + 24, caption, 11, fill="#555")
    y += 40
    with open(path, "w") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif">\n'
                '<rect width="100%%" height="100%%" fill="#fff"/>\n%s\n</svg>\n' % (width, y, width, y, "\n".join(out)))
