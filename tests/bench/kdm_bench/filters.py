"""Filters and documents for the matcher's bench: a fleet of vehicles, and people who watch parts of it.

The same for the same seed. Kinds are mixed as on a dashboard with alerts: most filters name one thing (a plate, an id, a team), some
a band of values, an area, a text; each filter matches few documents, whatever the number of filters.
"""

import json
import random

CITIES = [f"city-{n}" for n in range(400)]
TYPES = ["truck", "van", "car", "bike", "trailer", "crane"]
STATES = ["idle", "moving", "loading", "broken", "offline"]
WORDS = ["brake", "engine", "tyre", "door", "lamp", "cooling", "battery", "sensor", "mirror", "seat"]
VEHICLES = 200_000
TEAMS = 2_000


def document(rng):
    """About 500 bytes."""
    return {
        "_id": f"vehicle-{rng.randrange(VEHICLES)}",
        "type": rng.choice(TYPES),
        "plate": f"{rng.randrange(VEHICLES):06d}",
        "city": rng.choice(CITIES),
        "state": rng.choice(STATES),
        "speed": round(rng.uniform(0, 130), 1),
        "temperature": round(rng.gauss(60, 20), 2),
        "odometer": rng.randrange(1_000_000),
        "battery": rng.randrange(101),
        "online": rng.random() < 0.9,
        "tags": [f"tag-{rng.randrange(5000)}" for _ in range(rng.randrange(4))],
        "position": {"lat": round(rng.uniform(41, 51), 6), "lon": round(rng.uniform(-5, 9), 6)},
        "driver": {"name": f"driver-{rng.randrange(20_000)}",
                   "team": {"id": rng.randrange(TEAMS), "shift": rng.choice("abc")}},
        "note": f"{rng.choice(WORDS)} {rng.choice(WORDS)} {rng.randrange(10_000)}",
        "measuredAt": 1_700_000_000_000 + rng.randrange(10_000_000_000),
        **({"alarm": {"code": rng.randrange(100)}} if rng.random() < 0.2 else {}),
    }  # fmt: skip


def equals(path, value):
    return {"equals": {path: value}}


def plate(rng):
    return equals("plate", f"{rng.randrange(VEHICLES):06d}")


def ids(rng):
    return {"ids": {"values": [f"vehicle-{rng.randrange(VEHICLES)}" for _ in range(rng.randint(1, 5))]}}


def team_state(rng):
    return {"and": [equals("driver.team.id", rng.randrange(TEAMS)), equals("state", rng.choice(STATES))]}


def team_without(rng):
    return {"and": [equals("driver.team.id", rng.randrange(TEAMS)), {"not": equals("state", rng.choice(STATES))},
                    {"not": {"in": {"city": rng.sample(CITIES, 3)}}}]}  # fmt: skip


def hot_type(rng):
    low = round(rng.uniform(100, 125), 2)
    return {"and": [equals("type", rng.choice(TYPES)), {"range": {"temperature": {"gt": low}}},
                    {"in": {"city": rng.sample(CITIES, rng.randint(1, 8))}}]}  # fmt: skip


def odometer(rng):
    low = rng.randrange(1_000_000)
    return {"range": {"odometer": {"gte": low, "lt": low + rng.randint(10, 500)}}}


def band(rng):
    low = rng.randrange(1_000_000)
    return {"and": [{"range": {"odometer": {"gte": low, "lte": low + 5000}}}, {"range": {"speed": {"gt": rng.randrange(130)}}},
                    {"exists": "alarm"}]}  # fmt: skip


def cities(rng):
    return {"and": [{"in": {"city": rng.sample(CITIES, 2)}}, equals("type", rng.choice(TYPES)),
                    {"range": {"battery": {"lt": rng.randint(1, 15)}}}]}  # fmt: skip


def tag(rng):
    return {"exists": f'tags["tag-{rng.randrange(5000)}"]'}


def near(rng):
    point = [round(rng.uniform(41, 51), 4), round(rng.uniform(-5, 9), 4)]
    return {"geoDistance": {"position": point, "distance": f"{rng.randint(200, 4000)}m"}}


def box(rng):
    top, left = round(rng.uniform(41, 51), 4), round(rng.uniform(-5, 9), 4)
    size = rng.uniform(0.005, 0.08)
    return {"geoBoundingBox": {"position": {"top": top, "left": left, "bottom": top - size, "right": left + size}}}


def polygon(rng):
    lat, lon = rng.uniform(41, 51), rng.uniform(-5, 9)
    points = [[round(lat + rng.uniform(-0.05, 0.05), 4), round(lon + rng.uniform(-0.05, 0.05), 4)] for _ in range(4)]
    return {"geoPolygon": {"position": {"points": points}}}


def note(rng):
    return {"regexp": {"note": rng.choice([f"^{rng.choice(WORDS)} {rng.choice(WORDS)} {rng.randrange(1000)}",
                                           f"{rng.choice(WORDS)} {rng.randrange(10_000)}$"])}}  # fmt: skip


def alarm(rng):
    return {"bool": {"must": [{"exists": "alarm"}, equals("alarm.code", rng.randrange(100))],
                     "must_not": [equals("state", "offline"), {"missing": "driver.name"}],
                     "should": [{"in": {"city": rng.sample(CITIES, 3)}}, equals("driver.team.id", rng.randrange(TEAMS))]}}  # fmt: skip


def driver(rng):
    return {"match": {"driver": {"name": f"driver-{rng.randrange(20_000)}", "team": {"shift": rng.choice("abc")}}}}


KINDS = [(plate, 16), (ids, 8), (team_state, 10), (team_without, 6), (hot_type, 8), (odometer, 8), (band, 6), (cities, 6), (tag, 5),
         (near, 6), (box, 4), (polygon, 2), (note, 6), (alarm, 6), (driver, 3)]  # fmt: skip


def write(directory, filters, documents, seed=1):
    """Writes filters.jsonl and documents.jsonl; returns their paths."""
    rng = random.Random(seed)
    kinds, weights = zip(*KINDS)
    texts = dict.fromkeys(json.dumps(rng.choices(kinds, weights)[0](rng)) for _ in range(filters + filters // 2))
    paths = directory / "filters.jsonl", directory / "documents.jsonl"
    paths[0].write_text("\n".join(list(texts)[:filters]) + "\n")
    paths[1].write_text("\n".join(json.dumps(document(rng)) for _ in range(documents)) + "\n")
    return paths
