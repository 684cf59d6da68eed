"""A pytest plugin: the tests meet the compiled hot path. Load it with `-p tests.compiled_plugin`."""

from appliance import compiled

if not compiled.use():
    raise SystemExit("no build of these sources: ./install.sh makes one")
