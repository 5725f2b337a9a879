#!/usr/bin/env python3
"""What scripts/generate makes of protocol/ is right, repeatable, and refuses what it does not know.

The facts below are those of a Kuzzle 2.56 server with its local strategy, and of device-manager
2.10; they change only when protocol/ follows another version.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "protocol"
GENERATE = ROOT / "scripts" / "generate"

FILES = (
    "errors.gen.h",
    "errors.gen.c",
    "args.gen.h",
    "actions.gen.h",
    "actions.gen.c",
    "doors.gen.h",
    "doors.gen.c",
    "api_documents.gen.c",
)

# 278 actions and 298 routes (4 of them lead to no action), and 2 and 4 of the local strategy
COUNTS = {"kuzzle": (13, 280, 302), "device-manager": (7, 78, 90)}
KUZZLE_ERRORS = 281


def generate(*arguments):
    command = [sys.executable, GENERATE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_same(got, wanted, what):
    expect(got == wanted, f"{what}: {got!r}, not {wanted!r}")


class Setting:
    """One generated tree that the tests look at, and a folder for those that need their own."""

    def __init__(self, folder):
        self.folder = folder
        self.out = folder / "out"
        done = generate(PROTOCOL, self.out, "--reference", folder / "api-reference.md", "--check")
        expect(done.returncode == 0, done.stderr)
        self.counts = done.stdout

    def text(self, name):
        return (self.out / name).read_text(encoding="utf-8")

    def document(self, name):
        """A JSON document out of the numbers in api_documents.gen.c."""
        source = self.text("api_documents.gen.c")
        found = re.search(rf"char {name}_text\[\] = \{{([^}}]*)\}}", source)
        return json.loads(bytes(map(int, re.findall(r"\d+", found[1]))))

    def changed(self, file, change):
        """What generate says about a protocol/ in which `change` was done to one file's JSON."""
        copy = self.folder / "changed"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(PROTOCOL, copy)
        document = json.loads((copy / file).read_text(encoding="utf-8"))
        change(document)
        (copy / file).write_text(json.dumps(document), encoding="utf-8")
        return generate(copy, "--check")

    def expect_refused(self, file, change, *words):
        done = self.changed(file, change)
        expect(done.returncode == 1, f"{file}: was not refused")
        for word in (Path(file).name, *words):
            expect(word in done.stderr, f"{word!r} is not in {done.stderr!r}")


def counted(counts):
    line = r"^(\S+): (\d+) controllers, (\d+) actions, (\d+) routes, (\d+) not implemented$"
    rows = re.findall(line, counts, re.M)
    return {row[0]: tuple(map(int, row[1:])) for row in rows}


def two_runs_write_the_same_bytes(setting):
    again = setting.folder / "again"
    done = generate(PROTOCOL, again, "--reference", setting.folder / "again.md")
    expect(done.returncode == 0, done.stderr)
    expect_same(sorted(os.listdir(again)), sorted(FILES), "files")
    for name in FILES:
        expect(setting.text(name) == (again / name).read_text(encoding="utf-8"), f"{name} differs")
    pages = [setting.folder / name for name in ("api-reference.md", "again.md")]
    expect(pages[0].read_bytes() == pages[1].read_bytes(), "the reference differs")


def a_second_run_leaves_unchanged_files_alone(setting):
    before = {name: (setting.out / name).stat().st_mtime_ns for name in FILES}
    done = generate(PROTOCOL, setting.out)
    expect(done.returncode == 0, done.stderr)
    expect_same({name: (setting.out / name).stat().st_mtime_ns for name in FILES}, before, "times")


def controllers_actions_and_routes_are_counted(setting):
    for group, wanted in COUNTS.items():
        expect_same(counted(setting.counts)[group][:3], wanted, group)


def not_implemented_actions_are_as_many_as_written_down(setting):
    missing = sum(row[3] for row in counted(setting.counts).values())
    written = int((PROTOCOL / "not-implemented.count").read_text(encoding="ascii"))
    print(f"     {missing} actions are not implemented")
    expect_same(missing, written, "protocol/not-implemented.count is to be changed too")


def kuzzle_errors_have_their_codes(setting):
    errors = json.loads((PROTOCOL / "errors/kuzzle.json").read_text(encoding="utf-8"))["errors"]
    expect_same(len(errors), KUZZLE_ERRORS, "errors")
    for name, code, status in (
        ("core.fatal.unexpected_error", 0x00000001, 500),
        ("services.storage.not_found", 0x0101000B, 404),
        ("api.assert.missing_argument", 0x02010003, 400),
        ("network.websocket.unexpected_error", 0x03030001, 400),
        ("security.token.invalid", 0x07010001, 401),
        ("security.rights.forbidden", 0x07030002, 403),
    ):
        expect_same((errors[name]["code"], errors[name]["status"]), (code, status), name)


def texts_that_clients_compare_stay(setting):
    source = setting.text("errors.gen.c")
    for text in (
        'Document \\"%1\\" not found in \\"%2\\":\\"%3\\".',
        'Missing argument \\"%1\\".',
        'Device-manager engine on index \\"%1\\" does not exists',
        "Incompatible SDK client",
    ):
        expect(text in source, f"{text!r} is gone")


def errors_without_an_id_show_nothing_on_the_wire(setting):
    row = "[KDM_ERR_DEVICE_MANAGER_ENGINE_EXISTS] = { NULL, 0u, 400, 1,"
    expect(row in setting.text("errors.gen.c"), f"no row {row}")


def aliases_show_their_target_and_run_its_function(setting):
    source = setting.text("actions.gen.c")
    for asked, shown, action, function in (
        ("asset", "assets", "update", "kdm_dm_assets_update"),
        ("assets", "models", "writeAsset", "kdm_dm_models_write_asset"),
    ):
        names = f'"device-manager/{shown}", "{action}", "device-manager/{asked}", "{action}"'
        found = re.search(rf"\{{ {names},\n.*\n +(\w+),", source)
        expect(found, f"no row {names}")
        expect_same(found[1], function, names)


def memory_storage_keeps_its_own_name(setting):
    row = '{ "memoryStorage", "get", "memoryStorage", "get"'
    expect(row in setting.text("actions.gen.c"), f"no row {row}")


def the_tenant_may_be_named_index_in_every_device_manager_action(setting):
    rows = re.findall(r'\{ KDM_ARG_ENGINE_ID, .*', setting.text("actions.gen.c"))
    expect(rows and all(', "index", "string" }' in row for row in rows), "a row has no alias")


def optional_metadata_of_an_asset_update_is_left_to_the_action(setting):
    source = setting.text("actions.gen.c")
    table = re.search(r"args_device_manager_assets_update\[\] = \{\n(.*?)\n\};", source, re.S)[1]
    expect_same(
        re.findall(r'\{ (KDM_ARG_\w+), "[^"]*", \w+, ([^,]*),', table)[:2],
        [("KDM_ARG__ID", "KDM_ARG_REQUIRED"), ("KDM_ARG_ENGINE_ID", "KDM_ARG_REQUIRED")],
        "order",
    )
    expect('"body.metadata", KDM_ARG_TYPE_OBJECT, KDM_ARG_BODY,' in table, "body.metadata")


def the_public_api_is_what_an_sdk_reads(setting):
    api = setting.document("public_api")
    expect_same(
        api["document"]["create"],
        {
            "action": "create",
            "controller": "document",
            "http": [
                {"path": path, "url": path, "verb": "POST"}
                for path in ("/:index/:collection/_create", "/:index/:collection/:_id/_create")
            ],
        },
        "document:create",
    )
    expect_same(set(api["ms"]), set(api["memoryStorage"]), "ms and memoryStorage")
    expect("http" not in api["realtime"]["subscribe"], "realtime:subscribe has no route")
    expect("device-manager/asset" not in api, "an alias is shown")
    url = api["device-manager/assets"]["update"]["http"][0]["url"]
    expect_same(url, "/_/device-manager/:engineId/assets/:_id", "url")


def the_openapi_documents_are_split_by_scope(setting):
    kuzzle, app = setting.document("openapi_kuzzle"), setting.document("openapi_app")
    for document in (kuzzle, app):
        expect_same(document["swagger"], "2.0", "swagger")
    for path in ("/_query", "/_healthcheck", "/_ready", "/", "/{index}/{collection}/{_id}"):
        expect(path in kuzzle["paths"], f"{path} is missing")
    of_plugins = ("/_/", "/_plugin/")
    expect(app["paths"], "scope app is empty")
    expect(not any(path.startswith(of_plugins) for path in kuzzle["paths"]), "scope kuzzle")
    expect(all(path.startswith(of_plugins) for path in app["paths"]), "scope app")
    for path, verbs in (kuzzle["paths"] | app["paths"]).items():
        for verb, row in verbs.items():
            names = {p["name"] for p in row.get("parameters", []) if p["in"] == "path"}
            expect_same(names, set(re.findall(r"\{(\w+)\}", path)), f"parameters of {verb} {path}")


def the_reference_names_every_action(setting):
    page = (setting.folder / "api-reference.md").read_text(encoding="utf-8")
    for controller, actions in setting.document("public_api").items():
        for action in actions if controller != "memoryStorage" else ():
            expect(f"### {controller}:{action}\n" in page, f"{controller}:{action} is missing")


def every_action_is_found_by_its_hash(setting):
    """Compiles the tables with stubs for the actions; see find_test.c."""
    functions = re.findall(r"^kdm_action_fn (\w+);", setting.text("actions.gen.h"), re.M)
    body = '(struct kdm_tx *tx, const struct kdm_args *args) { (void)tx; (void)args; return 0; }'
    stubs = "".join(f"enum kdm_outcome {name}{body}\n" for name in functions)
    (setting.folder / "stubs.c").write_text('#include "actions.gen.h"\n' + stubs, encoding="ascii")
    program = setting.folder / "find_test"
    command = [os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Werror"]
    command += ["-I", ROOT / "src", "-I", ROOT / "include", "-I", setting.out, "-o", program]
    command += [ROOT / "tests/protocol/find_test.c"]
    command += [setting.out / "actions.gen.c", setting.folder / "stubs.c"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    expect(built.returncode == 0, built.stderr)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    print("     " + done.stdout.strip())
    expect(done.returncode == 0, done.stderr)


DOCUMENT = "kuzzle/document.json"
ERRORS = "errors/kuzzle.json"


def of_get(change):
    """Changes document:get."""
    return lambda document: change(document["actions"]["get"])


def of_first(change):
    """Changes the first error of a file."""
    return lambda document: change(next(iter(document["errors"].values())))


def unknown_keys_are_refused_with_file_and_key(setting):
    refused = setting.expect_refused
    refused(DOCUMENT, lambda d: d.update(contoller="x"), "contoller")
    refused(DOCUMENT, of_get(lambda d: d.update(htpp=[])), '"get"', "htpp")
    refused(DOCUMENT, of_get(lambda d: d["http"].append(["GET", "/x", {"old": True}])), "old")
    refused(ERRORS, of_first(lambda d: d.update(txt="x")), "txt")
    refused("common.json", lambda d: d.update(more=1), "more")


def unknown_types_flags_verbs_and_errors_are_refused(setting):
    refused = setting.expect_refused
    refused(DOCUMENT, of_get(lambda d: d["args"].update(x="text")), '"x"', "text")
    refused(DOCUMENT, of_get(lambda d: d["args"].update(x="enum")), '"x"')
    refused(DOCUMENT, of_get(lambda d: d["args"].update(x="enum(a|b)?=c")), '"x"', '"c"')
    refused(DOCUMENT, of_get(lambda d: d["args"].update(required="string")), "KDM_ARG_REQUIRED")
    refused(DOCUMENT, of_get(lambda d: d.update(flags=["wrte"])), "wrte")
    refused(DOCUMENT, of_get(lambda d: d.update(http=[["FETCH", "/x"]])), "FETCH")
    refused(DOCUMENT, of_get(lambda d: d["errors"].append("a.b.c")), "a.b.c")
    refused(DOCUMENT, of_get(lambda d: d.update(implemented="yes")), "implemented")


def contradictions_are_refused(setting):
    refused = setting.expect_refused
    refused(DOCUMENT, of_get(lambda d: d["args"].pop("_id")), '"get"', '"_id"')
    same_as_another = ["PUT", "/:collection/:index/:_id"]
    refused(DOCUMENT, of_get(lambda d: d["http"].append(same_as_another)), "PUT")
    refused(DOCUMENT, of_get(lambda d: d.update(flags=["void"])), "result")
    refused(DOCUMENT, lambda d: d.update(aliases={"document:get": "exists"}), '"document:get"')
    refused(ERRORS, of_first(lambda d: d.update(code=2)), "code")
    refused(ERRORS, of_first(lambda d: d.update(text="x")), "placeholders")


TESTS = (
    two_runs_write_the_same_bytes,
    a_second_run_leaves_unchanged_files_alone,
    controllers_actions_and_routes_are_counted,
    not_implemented_actions_are_as_many_as_written_down,
    kuzzle_errors_have_their_codes,
    texts_that_clients_compare_stay,
    errors_without_an_id_show_nothing_on_the_wire,
    aliases_show_their_target_and_run_its_function,
    memory_storage_keeps_its_own_name,
    the_tenant_may_be_named_index_in_every_device_manager_action,
    optional_metadata_of_an_asset_update_is_left_to_the_action,
    the_public_api_is_what_an_sdk_reads,
    the_openapi_documents_are_split_by_scope,
    the_reference_names_every_action,
    every_action_is_found_by_its_hash,
    unknown_keys_are_refused_with_file_and_key,
    unknown_types_flags_verbs_and_errors_are_refused,
    contradictions_are_refused,
)


def main():
    failed = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or its folder would stay
    with tempfile.TemporaryDirectory(prefix="kdm-protocol-") as folder:
        setting = Setting(Path(folder))
        for test in TESTS:
            try:
                test(setting)
                print(f"ok   {test.__name__.replace('_', ' ')}")
            except Exception as why:  # what is missing where it was looked for fails that test alone
                failed += 1
                print(f"FAIL {test.__name__.replace('_', ' ')}: {why!r}")
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
