"""Every route that changes something has its events, and every route that has none says why.

The rooms' own tests show that the events are recorded; this one shows that no route was forgotten.
"""

from appliance.app import ROUTERS
from appliance.audit.catalogue import KINDS

_ASKED = "access:approval:*"
RECORDED = {
    "access.create_key": "access:key:create",
    "access.end_session": "access:session:revoke",
    "access.revoke_key": "access:key:revoke",
    "access.set_limits": "access:key:change",
    "access.sign_in": "access:session:*",
    "access.sign_out": "access:session:close",
    "adapters.approve": "model:adapter:approve",
    "adapters.load": "model:adapter:load",
    "adapters.promote": "model:adapter:promote",
    "adapters.register": "model:adapter:register",
    "adapters.remove": "model:adapter:remove",
    "adapters.revert": "model:adapter:revert",
    "alerts.acknowledge": "alert:rule:acknowledge",
    "approvals.approve": _ASKED,
    "approvals.cancel": _ASKED,
    "approvals.execute": _ASKED,
    "approvals.request": _ASKED,
    "audit.verify_log": "audit:log:verify",
    "audit_archives.archive": "audit:archive:*",
    "audit_exports.begin_export": "audit:log:export",
    "audit_exports.export_log": "audit:log:export",
    "backups.add": "backup:target:add",
    "backups.remove": "backup:target:remove",
    "backups.submit": "job:run:submit",
    "batches.cancel": "batch:run:cancel",
    "batches.create": "batch:run:create",
    "batches.forget": "model:response:delete",
    "bodies.forget": "audit:patient:forget",
    "cluster.admit": "cluster:member:admit",
    "cluster.enter": "cluster:member:join",
    "cluster.forget": "cluster:member:*",
    "cluster.found": "cluster:member:found",
    "cluster.invite": "cluster:member:invite",
    "cluster.leave": "cluster:member:leave",
    "cluster.share": "cluster:model:share",
    "cluster.withhold": "cluster:model:withhold",
    "deployments.apply": "model:deployment:apply",
    "deployments.drain": "model:deployment:drain",
    "deployments.revert": "model:deployment:revert",
    "deployments.withdraw": "model:deployment:withdraw",
    "files.delete": "file:content:delete",
    "files.send": "file:content:admit",
    "finetuning.cancel": "job:run:cancel",
    "finetuning.create": "job:run:submit",
    "finetuning.resume": "job:run:resume",
    "imports.import_model": "job:run:submit",
    "jobs.cancel": "job:run:cancel",
    "jobs.evaluate": "job:run:submit",
    "jobs.resume": "job:run:resume",
    "jobs.submit": "job:run:submit",
    "leases.set_window": "lease:window:set",
    "me.begin_totp": "access:totp:enrol",
    "me.change_password": "access:user:change",
    "me.confirm_totp": "access:totp:confirm",
    "me.end_session": "access:session:revoke",
    "me.remove_totp": "access:totp:remove",
    "models.keep": "model:engine:*",
    "models.load": "model:engine:load",
    "models.remove": "model:shelf:remove",
    "models.unload": "model:engine:unload",
    "models.verify": "model:shelf:verify",
    "posture.check": "firmware:check:run",
    "roles.create_account": "access:account:create",
    "roles.define_role": "access:role:define",
    "roles.demand_totp": "access:role:demand",
    "roles.disable_account": "access:account:disable",
    "roles.enable_account": "access:account:enable",
    "roles.remove_account": "access:account:remove",
    "roles.remove_role": "access:role:remove",
    "roles.set_account_role": "access:account:change",
    "signin.finish_oidc": "access:session:*",
    "signin.install": "box:certificate:install",
    "signin.issue_client": "access:certificate:issue",
    "signin.remove": "box:certificate:remove",
    "signin.revoke_client": "access:certificate:revoke",
    "signin.set_secret": "access:directory:secret",
    "signin.sign_in_by_directory": "access:session:*",
    "slots.add": "vault:slot:*",
    "slots.claim": "vault:slot:*",
    "slots.reseal": "vault:slot:*",
    "slots.reseal_one": "vault:slot:*",
    "slots.revoke": "vault:slot:*",
    "slots.test": "vault:slot:*",
    "specialists.draft": "specialist:admission-note:draft",
    "storage.grow": "vault:volume:grow",
    "updates.apply": "update:bundle:apply",
    "updates.health": "update:health:check",
    "updates.plan": "update:bundle:plan",
    "updates.rollback": "update:package:rollback",
    "updates.verify": "update:bundle:verify",
    "users.create_user": "access:user:create",
    "users.disable": "access:user:change",
    "users.enable": "access:user:change",
    "users.remove_user": "access:user:change",
    "users.reset_password": "access:user:change",
    "users.reset_totp": "access:totp:remove",
    "users.set_role": "access:user:change",
    "users.unlock": "access:user:change",
    "vault.lock": "vault:root:lock",
    "vault.unlock": "vault:root:unlock",
    "vault_keys.erase": "vault:key:*",
    "vault_keys.rotate": "vault:key:*",
    "witnesses.add": "audit:witness:add",
    "witnesses.remove": "audit:witness:remove",
    "witnesses.renew": "audit:second-key:make",
    "witnesses.take": "audit:witness:take",
}
UNCHANGING = {
    "batches.cancel_response": "a response is over once it is known; its answer is on the record",
    "audit_exports.remove_export": "the export itself is on the record; a copy of it goes",
    "forwarding.test": "a line to the receiver, made by hand; nothing of the box changes",
    "planning.plan": "a sum",
    "signin.begin_oidc": "nobody is signed in yet",
    "signin.check_directory": "a question to the directory, with no answer kept",
    "witnesses.offers": "checkpoints to carry to a witness, which anybody may see",
}


def mutating():
    return {
        f"{route.endpoint.__module__.rpartition('.')[2]}.{route.endpoint.__name__}"
        for router in ROUTERS
        for route in router.routes
        if route.methods - {"GET", "HEAD"}
    }


def test_every_route_that_changes_something_is_in_the_list():
    assert mutating() == set(RECORDED) | set(UNCHANGING)
    assert not set(RECORDED) & set(UNCHANGING)


def test_every_event_of_the_list_is_in_the_catalogue():
    tags = {kind.tag for kind in KINDS}
    for wanted in RECORDED.values():
        assert any(
            tag == wanted or (wanted.endswith("*") and tag.startswith(wanted[:-1])) for tag in tags
        ), wanted
