#!/usr/bin/env python3
"""survey.py OUT.glb [SEED]: a synthetic seismic survey as one 3D scene (glTF 2.0, binary).

Layers folded into a dome and cut by a fault; three sections through the volume of amplitudes (inline,
crossline, time slice), two horizons picked along layers and coloured by depth, four wells with their
formation tops. The same seed gives the same bytes.
"""
import json
import math
import random
import struct
import sys
import zlib

SIZE = 256        # samples along each edge of the volume
GRID = 64         # cells along each edge of a horizon
DEPTHS = (0.38, 0.62)  # of the horizons, as a part of the volume's height


class Earth:
    def __init__(self, seed):
        r = random.Random(seed)
        self.bumps = [(r.uniform(0.1, 0.9), r.uniform(0.1, 0.9), r.uniform(0.1, 0.3), r.uniform(-0.04, 0.05)) for _ in range(7)]
        # A wavelet at each of a few hundred interfaces, summed once into a table over depth.
        spikes = [(r.uniform(-0.3, 1.3), r.gauss(0, 1)) for _ in range(160)] + [(d, 2.8) for d in DEPTHS]
        n = 2048
        self.trace = [0.0] * n
        for at, strength in spikes:
            for i in range(max(0, int((at + 0.3 - 0.04) / 1.6 * n)), min(n, int((at + 0.3 + 0.04) / 1.6 * n))):
                a = (math.pi * 55 * (i / n * 1.6 - 0.3 - at)) ** 2 / 9
                self.trace[i] += strength * (1 - 2 * a) * math.exp(-a)

    def shift(self, x, y):
        """How far the layers lie above their depth at (x, y), all in parts of the volume's edge."""
        s = 0.14 * math.exp(-((x - 0.55) ** 2 + (y - 0.45) ** 2) / 0.07) - 0.08 * x
        for bx, by, w, h in self.bumps:
            s += h * math.exp(-((x - bx) ** 2 + (y - by) ** 2) / (w * w))
        return s - (0.09 if x + 0.35 * y > 0.86 else 0)

    def amplitude(self, x, y, z):
        i = (z + self.shift(x, y) + 0.3) / 1.6 * len(self.trace)
        return self.trace[int(i)] if 0 <= i < len(self.trace) else 0.0


def seismic_colour(a):
    """Red over white to blue, as interpreters have it."""
    a = max(-1.0, min(1.0, a / 2.2))
    fade = int(255 * (1 - abs(a) ** 0.8))
    return bytes((255, fade, fade) if a > 0 else (fade, fade, 255))


def depth_colour(t):
    """From violet over green to yellow."""
    return (min(1, max(0, 2.2 * t - 0.9)) + 0.25 * (1 - t) ** 2, 0.15 + 0.8 * t, max(0.1, 0.75 - 0.7 * t))


def png(width, height, pixel):
    rows = b"".join(b"\0" + b"".join(pixel(u, v) for u in range(width)) for v in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


class Scene:
    def __init__(self):
        self.data = bytearray()
        self.g = {"asset": {"version": "2.0", "generator": "Caprock survey"}, "scene": 0, "scenes": [{"nodes": []}], "nodes": [],
                  "meshes": [], "materials": [], "textures": [], "images": [], "accessors": [], "bufferViews": [],
                  "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}]}

    def view(self, data, **more):
        self.data += b"\0" * (-len(self.data) % 4)
        self.g["bufferViews"].append(dict(buffer=0, byteOffset=len(self.data), byteLength=len(data), **more))
        self.data += data
        return len(self.g["bufferViews"]) - 1

    def accessor(self, rows, kind, component=5126):
        flat = [c for r in rows for c in r]
        a = dict(bufferView=self.view(struct.pack("<%d%s" % (len(flat), "f" if component == 5126 else "I"), *flat),
                                      target=34962 if component == 5126 else 34963),
                 componentType=component, count=len(rows) if component == 5126 else len(flat), type=kind)
        if kind == "VEC3":
            a["min"] = [min(r[i] for r in rows) for i in range(3)]
            a["max"] = [max(r[i] for r in rows) for i in range(3)]
        self.g["accessors"].append(a)
        return len(self.g["accessors"]) - 1

    def material(self, colour=(1, 1, 1), image=None, rough=0.9):
        m = {"doubleSided": True, "pbrMetallicRoughness": {"baseColorFactor": list(colour) + [1], "metallicFactor": 0.0,
                                                           "roughnessFactor": rough}}
        if image:
            self.g["images"].append({"bufferView": self.view(image), "mimeType": "image/png"})
            self.g["textures"].append({"source": len(self.g["images"]) - 1, "sampler": 0})
            m["pbrMetallicRoughness"]["baseColorTexture"] = {"index": len(self.g["textures"]) - 1}
        self.g["materials"].append(m)
        return len(self.g["materials"]) - 1

    def mesh(self, name, points, faces, material, normals=None, uv=None, colours=None):
        attributes = {"POSITION": self.accessor(points, "VEC3")}
        if normals:
            attributes["NORMAL"] = self.accessor(normals, "VEC3")
        if uv:
            attributes["TEXCOORD_0"] = self.accessor(uv, "VEC2")
        if colours:
            attributes["COLOR_0"] = self.accessor(colours, "VEC3")
        self.g["meshes"].append({"name": name, "primitives": [{"attributes": attributes, "material": material,
                                                               "indices": self.accessor(faces, "SCALAR", 5125)}]})
        self.g["nodes"].append({"name": name, "mesh": len(self.g["meshes"]) - 1})
        self.g["scenes"][0]["nodes"].append(len(self.g["nodes"]) - 1)

    def bytes(self):
        self.g["buffers"] = [{"byteLength": len(self.data)}]
        text = json.dumps({k: v for k, v in self.g.items() if v != []}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        data = bytes(self.data) + b"\0" * (-len(self.data) % 4)
        return (struct.pack("<III", 0x46546C67, 2, 28 + len(text) + len(data)) + struct.pack("<II", len(text), 0x4E4F534A) + text +
                struct.pack("<II", len(data), 0x004E4942) + data)


def place(x, y, z):
    """Volume coordinates (z downwards) to the scene's (y upwards)."""
    return (2 * x - 1, 0.9 - 1.5 * z, 2 * y - 1)


def section(s, earth, name, corner, u, v):
    """A textured rectangle through the volume: corner + a*u + b*v for a, b in 0..1."""
    def at(a, b):
        return [corner[i] + a * u[i] + b * v[i] for i in range(3)]
    image = png(SIZE, SIZE, lambda i, j: seismic_colour(earth.amplitude(*at((i + 0.5) / SIZE, (j + 0.5) / SIZE))))
    s.mesh(name, [place(*at(a, b)) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))], [(0, 1, 2), (0, 2, 3)], s.material(image=image),
           uv=[(0, 0), (1, 0), (1, 1), (0, 1)])


def horizon(s, earth, name, depth, reach):
    """A layer as a surface over the part of the area with x + (1 - y) below `reach`."""
    points, colours, faces = [], [], []
    for j in range(GRID + 1):
        for i in range(GRID + 1):
            x, y = i / GRID, j / GRID
            z = depth - earth.shift(x, y)
            points.append(place(x, y, z))
            colours.append(depth_colour(max(0.0, min(1.0, 0.5 + 2.2 * (depth - z)))))
    normals = []
    for j in range(GRID + 1):
        for i in range(GRID + 1):
            x, y, h = i / GRID, j / GRID, 0.5 / GRID
            dx = (earth.shift(x + h, y) - earth.shift(x - h, y)) / (2 * h) * 0.75
            dy = (earth.shift(x, y + h) - earth.shift(x, y - h)) / (2 * h) * 0.75
            n = math.sqrt(dx * dx + dy * dy + 1)
            normals.append((-dx / n, 1 / n, -dy / n))
    for j in range(GRID):
        for i in range(GRID):
            a = j * (GRID + 1) + i
            if i + GRID - j >= reach * GRID:
                continue
            faces += [(a, a + GRID + 2, a + 1), (a, a + GRID + 1, a + GRID + 2)]
    s.mesh(name, points, faces, s.material(rough=0.6), normals=normals, colours=colours)


def well(s, name, x, y, bottom, lean):
    """A tube from above the volume down along a bent path, and a ring at each formation top."""
    steel, top = s.material((0.95, 0.85, 0.2), rough=0.4), s.material((0.1, 0.1, 0.1))

    def tube(part, z0, z1, radius, material, steps):
        points, normals, faces = [], [], []
        for k in range(steps + 1):
            z = z0 + (z1 - z0) * k / steps
            bend = lean * max(0.0, z - 0.3) ** 2
            cx, cy, cz = place(x + bend, y + 0.4 * bend, z)
            for i in range(10):
                c, d = math.cos(i * math.pi / 5), math.sin(i * math.pi / 5)
                points.append((cx + radius * c, cy, cz + radius * d))
                normals.append((c, 0, d))
        for k in range(steps):
            for i in range(10):
                a, b = k * 10 + i, k * 10 + (i + 1) % 10
                faces += [(a, b, b + 10), (a, b + 10, a + 10)]
        s.mesh(part, points, faces, material, normals=normals)
    tube(name, -0.1, bottom, 0.012, steel, 24)
    for depth in DEPTHS:
        tube("%s top" % name, depth - 0.16, depth - 0.148, 0.03, top, 1)


def main():
    out, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2026
    earth, s, r = Earth(seed), Scene(), random.Random(seed + 1)
    section(s, earth, "inline", (0.0, 0.98, 0.0), (1, 0, 0), (0, 0, 1))
    section(s, earth, "crossline", (0.02, 0.0, 0.0), (0, 1, 0), (0, 0, 1))
    section(s, earth, "time slice", (0.0, 0.0, 0.86), (1, 0, 0), (0, 1, 0))
    for i, depth in enumerate(DEPTHS):
        horizon(s, earth, "horizon %d" % (i + 1), depth, (1.0, 1.55)[i])
    for i in range(4):
        well(s, "well %d" % (i + 1), r.uniform(0.2, 0.8), r.uniform(0.2, 0.8), r.uniform(0.7, 0.85), r.uniform(-0.5, 0.5))
    with open(out, "wb") as f:
        f.write(s.bytes())


if __name__ == "__main__":
    main()
