"""Reading protocol/ and writing what is generated from it; see scripts/generate."""
