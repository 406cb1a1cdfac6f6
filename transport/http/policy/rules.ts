/**
 * The rules, by name: those of Nova, Glance and Keystone where they have one, `baton:` for what only Baton does. The defaults are theirs: a
 * reader looks, a member acts, both within their project; an admin does anything. The configuration may say otherwise (`policy.rules`).
 */
import { BatonError } from '../../../actors/kernel/errors.ts'
import { ruleProblem } from './checks.ts'

const ADMIN = 'rule:context_is_admin'
const MEMBER = 'rule:project_member_api or rule:context_is_admin'
const READER = 'rule:project_reader_api or rule:context_is_admin'
const OWNER = 'rule:owner or rule:context_is_admin'
/** Nova has let an admin do what services do for as long as it could, and clients count on it. */
const SERVICE = 'role:service or rule:context_is_admin'
const ANYONE = '@'

const all = (rule: string, ...names: readonly string[]): Record<string, string> => Object.fromEntries(names.map(name => [name, rule]))
const placement = (rule: string, ...names: readonly string[]) => all(rule, ...names.map(name => `placement:${name}`))
const nova = (rule: string, ...names: readonly string[]) => all(rule, ...names.map(name => `os_compute_api:${name}`))

export const RULES: Readonly<Record<string, string>> = {
  ...nova(READER, 'servers:index', 'servers:detail', 'servers:show', 'server-metadata:index', 'server-metadata:show', 'os-server-tags:index'),
  ...nova(ADMIN, 'servers:index:get_all_tenants', 'servers:detail:get_all_tenants', 'servers:create:forced_host'),
  ...nova(MEMBER, 'servers:create', 'servers:delete', 'servers:update', 'servers:reboot', 'servers:resize', 'servers:confirm_resize'),
  ...nova(MEMBER, 'servers:revert_resize', 'servers:rebuild', 'servers:create_image', 'servers:start', 'servers:stop', 'os-create-backup'),
  ...nova(MEMBER, 'server-metadata:create', 'server-metadata:update', 'server-metadata:update_all', 'server-metadata:delete'),
  ...nova(MEMBER, 'os-server-tags:update_all', 'os-server-tags:delete_all', 'os-pause-server:pause', 'os-pause-server:unpause'),
  ...nova(MEMBER, 'os-suspend-server:suspend', 'os-suspend-server:resume', 'os-rescue', 'os-unrescue', 'os-shelve:shelve', 'os-shelve:unshelve'),
  ...nova(MEMBER, 'os-lock-server:lock', 'os-lock-server:unlock', 'os-admin-password', 'os-console-output', 'os-deferred-delete:restore'),
  ...nova(MEMBER, 'os-deferred-delete:force', 'os-volumes-attachments:create', 'os-volumes-attachments:delete', 'os-volumes-attachments:update'),
  ...nova(MEMBER, 'os-attach-interfaces:create', 'os-attach-interfaces:delete'),
  ...nova(ADMIN, 'os-services:update', 'os-services:delete', 'os-migrations:index', 'os-migrate-server:migrate_live'),
  ...nova(ADMIN, ...['index', 'show', 'delete', 'force_complete'].map(name => `servers:migrations:${name}`)),
  ...nova(ADMIN, 'os-migrate-server:migrate', 'os-evacuate', 'os-shelve:shelve_offload', 'os-admin-actions:reset_state'),
  ...nova(READER, 'os-volumes-attachments:index', 'os-volumes-attachments:show', 'os-attach-interfaces:list', 'os-attach-interfaces:show'),
  ...nova(READER, 'os-instance-actions:list', 'os-instance-actions:show', 'os-server-groups:index', 'os-server-groups:show'),
  ...nova(MEMBER, 'os-server-groups:create', 'os-server-groups:delete'),
  ...nova(ADMIN, 'os-server-groups:index:all_projects'),
  ...nova(ANYONE, 'flavors', 'os-availability-zone:list', 'os-flavor-extra-specs:index', 'os-flavor-extra-specs:show', 'limits'),
  ...nova(ADMIN, 'os-flavor-manage:create', 'os-flavor-manage:delete', 'os-flavor-extra-specs:create', 'os-flavor-extra-specs:update'),
  ...nova(ADMIN, 'os-flavor-extra-specs:delete', 'os-availability-zone:detail', 'os-hypervisors:list', 'os-hypervisors:list-detail'),
  ...nova(ADMIN, 'os-hypervisors:show', 'os-services:list', 'os-aggregates:index', 'os-aggregates:create', 'os-aggregates:show'),
  ...nova(ADMIN, 'os-aggregates:update', 'os-aggregates:delete', 'os-aggregates:action', 'os-quota-sets:update', 'os-quota-sets:delete'),
  ...nova(ADMIN, ...['statistics', 'uptime', 'search', 'servers'].map(name => `os-hypervisors:${name}`)),
  ...nova(ADMIN, ...['list', 'show', 'update', 'start', 'shutdown', 'reboot'].map(name => `os-hosts:${name}`)),
  ...nova(ADMIN, 'os-flavor-manage:update', 'os-flavor-access', 'os-flavor-access:add_tenant_access'),
  ...nova(ANYONE, ...['index', 'create', 'show', 'delete'].map(name => `os-keypairs:${name}`)),
  ...nova(READER, 'os-server-tags:show'),
  ...nova(MEMBER, 'os-server-tags:update', 'os-server-tags:delete'),
  ...nova(READER, 'os-quota-sets:show', 'os-quota-sets:detail'),
  ...nova(ANYONE, 'os-quota-sets:defaults'),
  ...nova(ADMIN, 'os-quota-class-sets:show', 'os-quota-class-sets:update', 'limits:other_project'),
  ...all(READER, 'get_image', 'get_images', 'get_members', 'get_member'),
  ...all(MEMBER, 'add_image', 'modify_image', 'delete_image', 'upload_image', 'download_image', 'communitize_image', 'deactivate', 'reactivate'),
  ...all(MEMBER, 'add_member', 'modify_member', 'delete_member'),
  ...all(ADMIN, 'publicize_image'),
  ...all(ANYONE, 'baton:images:info'),
  ...nova(ADMIN, 'os-server-diagnostics', 'os-console-auth-tokens', 'os-simple-tenant-usage:list', 'os-instance-usage-audit-log:list'),
  ...nova(ADMIN, 'os-instance-usage-audit-log:show'),
  ...all(ADMIN, 'compute:aggregates:images'),
  ...nova(READER, 'ips:index', 'ips:show', 'os-security-groups:list', 'os-server-password:show', 'os-simple-tenant-usage:show'),
  ...all(READER, 'compute:server:topology:index'),
  ...nova(MEMBER, 'os-server-password:clear', 'os-remote-consoles', 'servers:trigger_crash_dump', 'os-multinic:add', 'os-multinic:remove'),
  ...nova(MEMBER, 'os-floating-ips:add', 'os-floating-ips:remove', 'os-security-groups:add', 'os-security-groups:remove'),
  ...nova(SERVICE, 'os-server-external-events:create', 'os-assisted-volume-snapshots:create', 'os-assisted-volume-snapshots:delete'),
  ...nova(ANYONE, 'extensions'),
  ...placement(SERVICE, 'resource_providers:list', 'resource_providers:create', 'resource_providers:show', 'resource_providers:update'),
  ...placement(SERVICE, 'resource_providers:delete', 'resource_providers:usages', 'resource_providers:allocations:list'),
  ...placement(SERVICE, ...['list', 'create', 'show', 'update', 'delete'].map(name => `resource_providers:inventories:${name}`)),
  ...placement(SERVICE, ...['list', 'create', 'show', 'update', 'delete'].map(name => `resource_classes:${name}`)),
  ...placement(SERVICE, ...['list', 'update'].map(name => `resource_providers:aggregates:${name}`)),
  ...placement(SERVICE, ...['list', 'update', 'delete'].map(name => `resource_providers:traits:${name}`)),
  ...placement(SERVICE, ...['list', 'show', 'update', 'delete'].map(name => `traits:${name}`)),
  ...placement(SERVICE, ...['list', 'update', 'delete', 'manage'].map(name => `allocations:${name}`)),
  ...placement(SERVICE, 'allocation_candidates:list', 'reshaper:reshape'),
  ...placement('rule:project_reader_api or rule:context_is_admin or role:service', 'usages'),
  ...all(
    ADMIN,
    'baton:cluster',
    'baton:hosts',
    'baton:doctor',
    'baton:audit',
    'baton:evidence',
    'baton:schedule',
    'baton:disks:all',
    'baton:operations:all',
    'baton:quotas:check',
    'baton:guests:all',
    'baton:agents:all',
    'baton:backups:all',
  ),
  ...all(READER, 'baton:guests:show', 'baton:agents:show', 'baton:backups:show'),
  ...all(MEMBER, ...['create', 'exec', 'rotate', 'delete'].map(name => `baton:agents:${name}`)),
  ...all(MEMBER, 'baton:guests:exec', ...['create', 'restore', 'delete', 'schedule'].map(name => `baton:backups:${name}`)),
  ...all(READER, 'baton:disks:show', 'baton:operations:show', 'baton:quotas:show'),
  ...all(MEMBER, 'baton:disks:delete', 'baton:operations:cancel', 'baton:instances:ha'),
  ...all(ANYONE, 'identity:validate_token', 'identity:revoke_token', 'identity:get_auth', 'identity:get_domain'),
  ...all(OWNER, 'identity:get_user', 'identity:list_user_projects', 'identity:change_password'),
  ...all(OWNER, 'identity:list_application_credentials', 'identity:get_application_credential'),
  ...all('rule:owner', 'identity:create_application_credential', 'identity:delete_application_credential'),
  ...all('rule:project_reader_api or rule:context_is_admin', 'identity:get_project'),
  ...all(ADMIN, 'identity:list', 'identity:create', 'identity:update', 'identity:delete', 'identity:get'),
  ...all(ADMIN, 'identity:list_role_assignments', 'identity:list_grants', 'identity:check_grant', 'identity:create_grant', 'identity:revoke_grant'),
  ...all(OWNER, 'identity:list_groups_for_user'),
  ...all(ADMIN, 'identity:list_users_in_group', 'identity:check_user_in_group', 'identity:add_user_to_group', 'identity:remove_user_from_group'),
  ...all(ADMIN, 'identity:list_role_inference_rules', 'identity:list_implied_roles', 'identity:get_implied_role'),
  ...all(ADMIN, 'identity:create_implied_role', 'identity:delete_implied_role'),
  ...all(ADMIN, 'baton:unlisted'),
}

/** Paths without a rule of their own: nobody but an admin, so that what is forgotten is not open. */
export const UNLISTED = 'baton:unlisted'

/**
 * The rules with those of the configuration, each `name = rule`, over them. Throws `ConfigInvalid` for an unknown name or check.
 *
 *     rulesWith(['os_compute_api:servers:delete = rule:context_is_admin'])
 */
export function rulesWith(overrides: readonly string[]): Readonly<Record<string, string>> {
  const rules: Record<string, string> = { ...RULES }
  for (const line of overrides) {
    const at = line.indexOf('=')
    const name = line.slice(0, Math.max(0, at)).trim()
    const rule = line.slice(at + 1).trim()
    if (!Object.hasOwn(RULES, name))
      throw new BatonError('ConfigInvalid', `policy.rules: there is no rule ${JSON.stringify(name || line)}; each line is "name = rule"`)
    const wrong = ruleProblem(rule)
    if (wrong) throw new BatonError('ConfigInvalid', `policy.rules: ${name}: ${wrong}`)
    rules[name] = rule
  }
  return rules
}
