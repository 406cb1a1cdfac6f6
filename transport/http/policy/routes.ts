/** Which rule stands before which path, and whose thing the path is about. */
import { BATON, COMPUTE, IMAGE, PLACEMENT } from '../context.ts'

/**
 * Where a request says what it is about. `seen image`: whoever may see it may do this. With `?` it means: in the query, and without it
 * the rule `otherwise` applies.
 */
export type About =
  | ('instance' | 'agent' | 'operation' | 'group' | 'image' | 'seen image' | 'disk' | 'project' | 'user')
  | ('subject?' | 'instance?' | 'project_id?')

export interface RouteRule {
  readonly rule: string
  readonly about?: About
  /** The rule when the query does not say what it is about. */
  readonly otherwise?: string
  /** A list of things of projects: who may not see all is shown those of the own. `all` is the rule for `all_tenants`. */
  readonly list?: { readonly all: string }
}

export const PUBLIC = 'public'

const nova = (name: string, more: Omit<RouteRule, 'rule'> = {}): RouteRule => ({ rule: `os_compute_api:${name}`, ...more })
const rule = (name: string, more: Omit<RouteRule, 'rule'> = {}): RouteRule => ({ rule: name, ...more })
const instance = { about: 'instance' } as const
const agent = { about: 'agent' } as const
const image = { about: 'image' } as const
const seenImage = { about: 'seen image' } as const
const open = rule(PUBLIC)

const V3 = '/identity/v3'

const METHODS = { list: 'GET', show: 'GET', create: 'POST', update: 'PUT', delete: 'DELETE' } as const

/** Placement's rules, of the actions under a path. */
function under(path: string, name: string, actions: Readonly<Record<string, readonly (keyof typeof METHODS)[]>>): Record<string, RouteRule> {
  const rows = Object.entries(actions).flatMap(([rest, list]) => list.map(action => [`${METHODS[action]} ${path}${rest}`, action] as const))
  return Object.fromEntries(rows.map(([row, action]) => [row, rule(`placement:${name}:${action}`)]))
}

/** Reads, writes and the like of one kind of thing, by path and method. */
function crud(path: string, name: string): Record<string, RouteRule> {
  const row = (action: string) => rule(`identity:${action}`)
  return {
    [`GET ${V3}/${path}`]: row('list'),
    [`POST ${V3}/${path}`]: row('create'),
    [`GET ${V3}/${path}/:id`]:
      name === 'user'
        ? rule('identity:get_user', { about: 'user' })
        : name === 'project'
          ? rule('identity:get_project', { about: 'project' })
          : name === 'domain'
            ? rule('identity:get_domain')
            : row('get'),
    [`PATCH ${V3}/${path}/:id`]: row('update'),
    [`DELETE ${V3}/${path}/:id`]: row('delete'),
  }
}

/** To users and to groups; `inherited` is what a role of the list is behind, for what is below the place. */
function grants(place: string, inherited = ''): Record<string, RouteRule> {
  return Object.fromEntries(
    ['users', 'groups'].flatMap(holders => {
      const path = `${V3}/${place}/${holders}/:holder/roles`
      return [
        [`GET ${path}${inherited}`, rule('identity:list_grants')],
        [`GET ${path}/:role${inherited}`, rule('identity:check_grant')],
        [`PUT ${path}/:role${inherited}`, rule('identity:create_grant')],
        [`DELETE ${path}/:role${inherited}`, rule('identity:revoke_grant')],
      ]
    }),
  )
}

export const ROUTE_RULES: Readonly<Record<string, RouteRule>> = {
  ...Object.fromEntries(
    [
      '/',
      '/compute',
      COMPUTE,
      '/image',
      '/image/versions',
      PLACEMENT,
      '/openapi.json',
      '/identity',
      V3,
      '/healthz',
      '/readyz',
      '/metrics',
      '/console',
      '/assets/:id',
    ].map(path => [`GET ${path}`, open]),
  ),

  [`GET ${COMPUTE}/servers`]: nova('servers:index', { list: { all: 'os_compute_api:servers:index:get_all_tenants' } }),
  [`GET ${COMPUTE}/servers/detail`]: nova('servers:detail', { list: { all: 'os_compute_api:servers:detail:get_all_tenants' } }),
  [`POST ${COMPUTE}/servers`]: nova('servers:create'),
  [`GET ${COMPUTE}/servers/:id`]: nova('servers:show', instance),
  [`PUT ${COMPUTE}/servers/:id`]: nova('servers:update', instance),
  [`DELETE ${COMPUTE}/servers/:id`]: nova('servers:delete', instance),
  // What the action is stands in the body; its own rule is in ACTION_RULES.
  [`POST ${COMPUTE}/servers/:id/action`]: nova('servers:show', instance),
  [`GET ${COMPUTE}/servers/:id/metadata`]: nova('server-metadata:index', instance),
  [`PUT ${COMPUTE}/servers/:id/metadata`]: nova('server-metadata:update_all', instance),
  [`POST ${COMPUTE}/servers/:id/metadata`]: nova('server-metadata:create', instance),
  [`GET ${COMPUTE}/servers/:id/metadata/:key`]: nova('server-metadata:show', instance),
  [`PUT ${COMPUTE}/servers/:id/metadata/:key`]: nova('server-metadata:update', instance),
  [`DELETE ${COMPUTE}/servers/:id/metadata/:key`]: nova('server-metadata:delete', instance),
  [`GET ${COMPUTE}/servers/:id/tags`]: nova('os-server-tags:index', instance),
  [`PUT ${COMPUTE}/servers/:id/tags`]: nova('os-server-tags:update_all', instance),
  [`GET ${COMPUTE}/servers/:id/tags/:tag`]: nova('os-server-tags:show', instance),
  [`PUT ${COMPUTE}/servers/:id/tags/:tag`]: nova('os-server-tags:update', instance),
  [`DELETE ${COMPUTE}/servers/:id/tags/:tag`]: nova('os-server-tags:delete', instance),
  [`DELETE ${COMPUTE}/servers/:id/tags`]: nova('os-server-tags:delete_all', instance),
  [`GET ${COMPUTE}/servers/:id/os-volume_attachments`]: nova('os-volumes-attachments:index', instance),
  [`POST ${COMPUTE}/servers/:id/os-volume_attachments`]: nova('os-volumes-attachments:create', instance),
  [`GET ${COMPUTE}/servers/:id/os-volume_attachments/:device`]: nova('os-volumes-attachments:show', instance),
  [`PUT ${COMPUTE}/servers/:id/os-volume_attachments/:device`]: nova('os-volumes-attachments:update', instance),
  [`DELETE ${COMPUTE}/servers/:id/os-volume_attachments/:device`]: nova('os-volumes-attachments:delete', instance),
  [`GET ${COMPUTE}/servers/:id/os-interface`]: nova('os-attach-interfaces:list', instance),
  [`POST ${COMPUTE}/servers/:id/os-interface`]: nova('os-attach-interfaces:create', instance),
  [`GET ${COMPUTE}/servers/:id/os-interface/:device`]: nova('os-attach-interfaces:show', instance),
  [`DELETE ${COMPUTE}/servers/:id/os-interface/:device`]: nova('os-attach-interfaces:delete', instance),
  [`GET ${COMPUTE}/servers/:id/diagnostics`]: nova('os-server-diagnostics', instance),
  [`GET ${COMPUTE}/servers/:id/ips`]: nova('ips:index', instance),
  [`GET ${COMPUTE}/servers/:id/ips/:network`]: nova('ips:show', instance),
  [`GET ${COMPUTE}/servers/:id/os-security-groups`]: nova('os-security-groups:list', instance),
  [`GET ${COMPUTE}/servers/:id/topology`]: rule('compute:server:topology:index', instance),
  [`GET ${COMPUTE}/servers/:id/os-server-password`]: nova('os-server-password:show', instance),
  [`DELETE ${COMPUTE}/servers/:id/os-server-password`]: nova('os-server-password:clear', instance),
  [`POST ${COMPUTE}/servers/:id/remote-consoles`]: nova('os-remote-consoles', instance),
  [`GET ${COMPUTE}/os-console-auth-tokens/:id`]: nova('os-console-auth-tokens'),
  [`GET ${COMPUTE}/servers/:id/os-instance-actions`]: nova('os-instance-actions:list', instance),
  [`GET ${COMPUTE}/servers/:id/os-instance-actions/:requestId`]: nova('os-instance-actions:show', instance),

  [`GET ${COMPUTE}/flavors`]: nova('flavors'),
  [`GET ${COMPUTE}/flavors/detail`]: nova('flavors'),
  [`GET ${COMPUTE}/flavors/:id`]: nova('flavors'),
  [`POST ${COMPUTE}/flavors`]: nova('os-flavor-manage:create'),
  [`DELETE ${COMPUTE}/flavors/:id`]: nova('os-flavor-manage:delete'),
  [`PUT ${COMPUTE}/flavors/:id`]: nova('os-flavor-manage:update'),
  [`GET ${COMPUTE}/flavors/:id/os-flavor-access`]: nova('os-flavor-access'),
  // The same role for both actions, by the name of the first.
  [`POST ${COMPUTE}/flavors/:id/action`]: nova('os-flavor-access:add_tenant_access'),
  // Whose key pairs these are is in the query or the body: the route looks.
  [`GET ${COMPUTE}/os-keypairs`]: nova('os-keypairs:index'),
  [`POST ${COMPUTE}/os-keypairs`]: nova('os-keypairs:create'),
  [`GET ${COMPUTE}/os-keypairs/:name`]: nova('os-keypairs:show'),
  [`DELETE ${COMPUTE}/os-keypairs/:name`]: nova('os-keypairs:delete'),
  [`GET ${COMPUTE}/flavors/:id/os-extra_specs`]: nova('os-flavor-extra-specs:index'),
  [`POST ${COMPUTE}/flavors/:id/os-extra_specs`]: nova('os-flavor-extra-specs:create'),
  [`GET ${COMPUTE}/flavors/:id/os-extra_specs/:key`]: nova('os-flavor-extra-specs:show'),
  [`PUT ${COMPUTE}/flavors/:id/os-extra_specs/:key`]: nova('os-flavor-extra-specs:update'),
  [`DELETE ${COMPUTE}/flavors/:id/os-extra_specs/:key`]: nova('os-flavor-extra-specs:delete'),

  [`GET ${COMPUTE}/os-server-groups`]: nova('os-server-groups:index'),
  [`POST ${COMPUTE}/os-server-groups`]: nova('os-server-groups:create'),
  [`GET ${COMPUTE}/os-server-groups/:id`]: nova('os-server-groups:show', { about: 'group' }),
  [`DELETE ${COMPUTE}/os-server-groups/:id`]: nova('os-server-groups:delete', { about: 'group' }),
  [`GET ${COMPUTE}/os-availability-zone`]: nova('os-availability-zone:list'),
  [`GET ${COMPUTE}/os-availability-zone/detail`]: nova('os-availability-zone:detail'),
  [`GET ${COMPUTE}/os-hypervisors`]: nova('os-hypervisors:list'),
  [`GET ${COMPUTE}/os-hypervisors/detail`]: nova('os-hypervisors:list-detail'),
  [`GET ${COMPUTE}/os-hypervisors/:id`]: nova('os-hypervisors:show'),
  [`GET ${COMPUTE}/os-services`]: nova('os-services:list'),
  [`GET ${COMPUTE}/os-hypervisors/statistics`]: nova('os-hypervisors:statistics'),
  [`GET ${COMPUTE}/os-hypervisors/:id/uptime`]: nova('os-hypervisors:uptime'),
  [`GET ${COMPUTE}/os-hypervisors/:id/search`]: nova('os-hypervisors:search'),
  [`GET ${COMPUTE}/os-hypervisors/:id/servers`]: nova('os-hypervisors:servers'),
  [`GET ${COMPUTE}/os-hosts`]: nova('os-hosts:list'),
  [`GET ${COMPUTE}/os-hosts/:id`]: nova('os-hosts:show'),
  [`PUT ${COMPUTE}/os-hosts/:id`]: nova('os-hosts:update'),
  [`GET ${COMPUTE}/os-hosts/:id/startup`]: nova('os-hosts:start'),
  [`GET ${COMPUTE}/os-hosts/:id/shutdown`]: nova('os-hosts:shutdown'),
  [`GET ${COMPUTE}/os-hosts/:id/reboot`]: nova('os-hosts:reboot'),
  [`PUT ${COMPUTE}/os-services/:id`]: nova('os-services:update'),
  [`DELETE ${COMPUTE}/os-services/:id`]: nova('os-services:delete'),
  [`GET ${COMPUTE}/os-migrations`]: nova('os-migrations:index'),
  [`GET ${COMPUTE}/servers/:id/migrations`]: nova('servers:migrations:index', instance),
  [`GET ${COMPUTE}/servers/:id/migrations/:migration`]: nova('servers:migrations:show', instance),
  [`DELETE ${COMPUTE}/servers/:id/migrations/:migration`]: nova('servers:migrations:delete', instance),
  [`POST ${COMPUTE}/servers/:id/migrations/:migration/action`]: nova('servers:migrations:force_complete', instance),
  [`GET ${COMPUTE}/os-aggregates`]: nova('os-aggregates:index'),
  [`POST ${COMPUTE}/os-aggregates`]: nova('os-aggregates:create'),
  [`GET ${COMPUTE}/os-aggregates/:id`]: nova('os-aggregates:show'),
  [`PUT ${COMPUTE}/os-aggregates/:id`]: nova('os-aggregates:update'),
  [`DELETE ${COMPUTE}/os-aggregates/:id`]: nova('os-aggregates:delete'),
  [`POST ${COMPUTE}/os-aggregates/:id/action`]: nova('os-aggregates:action'),
  [`POST ${COMPUTE}/os-aggregates/:id/images`]: rule('compute:aggregates:images'),
  [`GET ${COMPUTE}/os-quota-sets/:id`]: nova('os-quota-sets:show', { about: 'project' }),
  [`GET ${COMPUTE}/os-quota-sets/:id/detail`]: nova('os-quota-sets:detail', { about: 'project' }),
  [`GET ${COMPUTE}/os-quota-sets/:id/defaults`]: nova('os-quota-sets:defaults'),
  [`PUT ${COMPUTE}/os-quota-sets/:id`]: nova('os-quota-sets:update'),
  [`DELETE ${COMPUTE}/os-quota-sets/:id`]: nova('os-quota-sets:delete'),
  [`GET ${COMPUTE}/os-quota-class-sets/:id`]: nova('os-quota-class-sets:show'),
  [`PUT ${COMPUTE}/os-quota-class-sets/:id`]: nova('os-quota-class-sets:update'),
  [`GET ${COMPUTE}/limits`]: nova('limits'),
  [`GET ${COMPUTE}/os-simple-tenant-usage`]: nova('os-simple-tenant-usage:list'),
  [`GET ${COMPUTE}/os-simple-tenant-usage/:id`]: nova('os-simple-tenant-usage:show', { about: 'project' }),
  [`GET ${COMPUTE}/os-instance_usage_audit_log`]: nova('os-instance-usage-audit-log:list'),
  [`GET ${COMPUTE}/os-instance_usage_audit_log/:before`]: nova('os-instance-usage-audit-log:show'),
  [`POST ${COMPUTE}/os-server-external-events`]: nova('os-server-external-events:create'),
  [`POST ${COMPUTE}/os-assisted-volume-snapshots`]: nova('os-assisted-volume-snapshots:create'),
  [`DELETE ${COMPUTE}/os-assisted-volume-snapshots/:id`]: nova('os-assisted-volume-snapshots:delete'),
  [`GET ${COMPUTE}/extensions`]: nova('extensions'),
  [`GET ${COMPUTE}/extensions/:alias`]: nova('extensions'),

  ...under(`${PLACEMENT}/resource_providers`, 'resource_providers', { '': ['list', 'create'], '/:id': ['show', 'update', 'delete'] }),
  ...under(`${PLACEMENT}/resource_providers/:id/inventories`, 'resource_providers:inventories', {
    '': ['list', 'create', 'update', 'delete'],
    '/:name': ['show', 'update', 'delete'],
  }),
  ...under(`${PLACEMENT}/resource_providers/:id/traits`, 'resource_providers:traits', { '': ['list', 'update', 'delete'] }),
  ...under(`${PLACEMENT}/resource_providers/:id/aggregates`, 'resource_providers:aggregates', { '': ['list', 'update'] }),
  ...under(`${PLACEMENT}/resource_providers/:id/allocations`, 'resource_providers:allocations', { '': ['list'] }),
  ...under(`${PLACEMENT}/resource_classes`, 'resource_classes', { '': ['list', 'create'], '/:name': ['show', 'update', 'delete'] }),
  ...under(`${PLACEMENT}/traits`, 'traits', { '': ['list'], '/:name': ['show', 'update', 'delete'] }),
  ...under(`${PLACEMENT}/allocations`, 'allocations', { '/:id': ['list', 'update', 'delete'] }),
  ...under(`${PLACEMENT}/allocation_candidates`, 'allocation_candidates', { '': ['list'] }),
  [`POST ${PLACEMENT}/allocations`]: rule('placement:allocations:manage'),
  [`POST ${PLACEMENT}/reshaper`]: rule('placement:reshaper:reshape'),
  [`GET ${PLACEMENT}/resource_providers/:id/usages`]: rule('placement:resource_providers:usages'),
  [`GET ${PLACEMENT}/usages`]: rule('placement:usages', { about: 'project_id?' }),

  // Nova's proxy asks the image service, whose rules these are.
  [`GET ${COMPUTE}/images`]: rule('get_images'),
  [`GET ${COMPUTE}/images/detail`]: rule('get_images'),
  [`GET ${COMPUTE}/images/:id`]: rule('get_image', seenImage),
  [`DELETE ${COMPUTE}/images/:id`]: rule('delete_image', image),
  [`GET ${COMPUTE}/images/:id/metadata`]: rule('get_image', seenImage),
  [`PUT ${COMPUTE}/images/:id/metadata`]: rule('modify_image', image),
  [`POST ${COMPUTE}/images/:id/metadata`]: rule('modify_image', image),
  [`GET ${COMPUTE}/images/:id/metadata/:key`]: rule('get_image', seenImage),
  [`PUT ${COMPUTE}/images/:id/metadata/:key`]: rule('modify_image', image),
  [`DELETE ${COMPUTE}/images/:id/metadata/:key`]: rule('modify_image', image),
  [`GET ${IMAGE}/images`]: rule('get_images'),
  [`POST ${IMAGE}/images`]: rule('add_image'),
  [`GET ${IMAGE}/images/:id`]: rule('get_image', seenImage),
  [`PATCH ${IMAGE}/images/:id`]: rule('modify_image', image),
  [`DELETE ${IMAGE}/images/:id`]: rule('delete_image', image),
  [`GET ${IMAGE}/images/:id/file`]: rule('download_image', seenImage),
  [`PUT ${IMAGE}/images/:id/file`]: rule('upload_image', image),
  [`PUT ${IMAGE}/images/:id/stage`]: rule('upload_image', image),
  [`POST ${IMAGE}/images/:id/import`]: rule('upload_image', image),
  [`PUT ${IMAGE}/images/:id/tags/:tag`]: rule('modify_image', image),
  [`DELETE ${IMAGE}/images/:id/tags/:tag`]: rule('modify_image', image),
  [`POST ${IMAGE}/images/:id/actions/deactivate`]: rule('deactivate', image),
  [`POST ${IMAGE}/images/:id/actions/reactivate`]: rule('reactivate', image),
  [`GET ${IMAGE}/images/:id/members`]: rule('get_members', seenImage),
  [`POST ${IMAGE}/images/:id/members`]: rule('add_member', image),
  [`GET ${IMAGE}/images/:id/members/:member`]: rule('get_member', seenImage),
  // By the member, who does not have the image: the route looks who it is.
  [`PUT ${IMAGE}/images/:id/members/:member`]: rule('modify_member', seenImage),
  [`DELETE ${IMAGE}/images/:id/members/:member`]: rule('delete_member', image),
  ...Object.fromEntries(['schemas/:name', 'info/import', 'info/stores'].map(path => [`GET ${IMAGE}/${path}`, rule('baton:images:info')])),
  [`GET ${IMAGE}/info/usage`]: rule('get_image'),

  ...Object.fromEntries(['status', 'nodes', 'queues'].map(path => [`GET ${BATON}/${path}`, rule('baton:cluster')])),
  [`POST ${BATON}/nodes/:id/drain`]: rule('baton:cluster'),
  [`GET ${BATON}/hosts`]: rule('baton:hosts'),
  [`GET ${BATON}/hosts/:id`]: rule('baton:hosts'),
  [`DELETE ${BATON}/hosts/:id`]: rule('baton:hosts'),
  ...Object.fromEntries(
    ['enable', 'disable', 'fenced', 'configure', 'drain', 'undrain', 'evacuate', 'maintenance'].map(path => [
      `POST ${BATON}/hosts/:id/${path}`,
      rule('baton:hosts'),
    ]),
  ),
  [`PUT ${BATON}/instances/:id/ha`]: rule('baton:instances:ha', instance),
  [`GET ${BATON}/operations`]: rule('baton:operations:show', { about: 'subject?', otherwise: 'baton:operations:all' }),
  [`GET ${BATON}/operations/:id`]: rule('baton:operations:show', { about: 'operation' }),
  [`GET ${BATON}/operations/:id/watch`]: rule('baton:operations:show', { about: 'operation' }),
  [`POST ${BATON}/operations/:id/force-complete`]: nova('servers:migrations:force_complete', { about: 'operation' }),
  [`POST ${BATON}/operations/:id/cancel`]: rule('baton:operations:cancel', { about: 'operation' }),
  [`GET ${BATON}/groups`]: nova('os-server-groups:index'),
  [`POST ${BATON}/groups`]: nova('os-server-groups:create'),
  [`GET ${BATON}/groups/:id`]: nova('os-server-groups:show', { about: 'group' }),
  [`DELETE ${BATON}/groups/:id`]: nova('os-server-groups:delete', { about: 'group' }),
  [`GET ${BATON}/disks`]: rule('baton:disks:show', { about: 'instance?', otherwise: 'baton:disks:all' }),
  [`GET ${BATON}/disks/:id`]: rule('baton:disks:show', { about: 'disk' }),
  [`DELETE ${BATON}/disks/:id`]: rule('baton:disks:delete', { about: 'disk' }),
  [`GET ${BATON}/guests`]: rule('baton:guests:show', { list: { all: 'baton:guests:all' } }),
  [`GET ${BATON}/guests/:id`]: rule('baton:guests:show', instance),
  [`POST ${BATON}/guests/:id/exec`]: rule('baton:guests:exec', instance),
  [`PUT ${BATON}/guests/:id/schedule`]: rule('baton:backups:schedule', instance),
  [`POST ${BATON}/guests/:id/backups`]: rule('baton:backups:create', instance),
  // That the backup is of the same project the cluster sees to.
  [`POST ${BATON}/guests/:id/restore`]: rule('baton:backups:restore', instance),
  [`GET ${BATON}/agents`]: rule('baton:agents:show', { list: { all: 'baton:agents:all' } }),
  [`POST ${BATON}/agents`]: rule('baton:agents:create'),
  [`GET ${BATON}/agents/:id`]: rule('baton:agents:show', agent),
  [`DELETE ${BATON}/agents/:id`]: rule('baton:agents:delete', agent),
  [`PUT ${BATON}/agents/:id/key`]: rule('baton:agents:rotate', agent),
  [`POST ${BATON}/agents/:id/exec`]: rule('baton:agents:exec', agent),
  [`GET ${BATON}/agents/:id/commands/:command`]: rule('baton:agents:show', agent),
  [`PUT ${BATON}/agents/:id/schedule`]: rule('baton:backups:schedule', agent),
  [`POST ${BATON}/agents/:id/backups`]: rule('baton:backups:create', agent),
  [`POST ${BATON}/agents/:id/restore`]: rule('baton:backups:restore', agent),
  [`GET ${BATON}/backups`]: rule('baton:backups:show', { list: { all: 'baton:backups:all' } }),
  [`GET ${BATON}/backups/:id`]: rule('baton:backups:show', image),
  [`DELETE ${BATON}/backups/:id`]: rule('baton:backups:delete', image),
  [`GET ${BATON}/quotas/:id`]: rule('baton:quotas:show', { about: 'project' }),
  [`GET ${BATON}/quotas/:id/check`]: rule('baton:quotas:check'),
  [`POST ${BATON}/schedule/explain`]: rule('baton:schedule'),
  [`GET ${BATON}/alerts`]: rule('baton:cluster'),
  [`GET ${BATON}/audit`]: rule('baton:audit'),
  [`GET ${BATON}/audit/verify`]: rule('baton:audit'),
  [`GET ${BATON}/traces/:id`]: rule('baton:evidence'),
  [`GET ${BATON}/logs`]: rule('baton:evidence'),
  [`GET ${BATON}/nodes/:id/report`]: rule('baton:evidence'),
  [`GET ${BATON}/doctor`]: rule('baton:doctor'),
  [`POST ${BATON}/doctor/repair`]: rule('baton:doctor'),

  [`POST ${V3}/auth/tokens`]: open,
  [`GET ${V3}/auth/tokens`]: rule('identity:validate_token'),
  [`DELETE ${V3}/auth/tokens`]: rule('identity:revoke_token'),
  ...Object.fromEntries(['catalog', 'projects', 'domains', 'system'].map(path => [`GET ${V3}/auth/${path}`, rule('identity:get_auth')])),
  ...crud('domains', 'domain'),
  ...crud('projects', 'project'),
  ...crud('users', 'user'),
  ...crud('roles', 'role'),
  ...crud('regions', 'region'),
  ...crud('services', 'service'),
  ...crud('endpoints', 'endpoint'),
  // A user whose password is wrong or has expired has no token; the old password says who it is.
  [`POST ${V3}/users/:id/password`]: open,
  [`GET ${V3}/users/:id/projects`]: rule('identity:list_user_projects', { about: 'user' }),
  [`GET ${V3}/users/:id/application_credentials`]: rule('identity:list_application_credentials', { about: 'user' }),
  [`POST ${V3}/users/:id/application_credentials`]: rule('identity:create_application_credential', { about: 'user' }),
  [`GET ${V3}/users/:id/application_credentials/:credential`]: rule('identity:get_application_credential', { about: 'user' }),
  [`DELETE ${V3}/users/:id/application_credentials/:credential`]: rule('identity:delete_application_credential', { about: 'user' }),
  [`PUT ${V3}/regions/:id`]: rule('identity:create'),
  [`GET ${V3}/role_assignments`]: rule('identity:list_role_assignments'),
  ...grants('projects/:id'),
  ...grants('domains/:id'),
  ...grants('system'),
  ...grants('OS-INHERIT/projects/:id', '/inherited_to_projects'),
  ...grants('OS-INHERIT/domains/:id', '/inherited_to_projects'),
  ...crud('groups', 'group'),
  [`GET ${V3}/groups/:id/users`]: rule('identity:list_users_in_group'),
  [`GET ${V3}/groups/:id/users/:user`]: rule('identity:check_user_in_group'),
  [`PUT ${V3}/groups/:id/users/:user`]: rule('identity:add_user_to_group'),
  [`DELETE ${V3}/groups/:id/users/:user`]: rule('identity:remove_user_from_group'),
  [`GET ${V3}/users/:id/groups`]: rule('identity:list_groups_for_user', { about: 'user' }),
  [`GET ${V3}/role_inferences`]: rule('identity:list_role_inference_rules'),
  [`GET ${V3}/roles/:id/implies`]: rule('identity:list_implied_roles'),
  [`GET ${V3}/roles/:id/implies/:implied`]: rule('identity:get_implied_role'),
  [`PUT ${V3}/roles/:id/implies/:implied`]: rule('identity:create_implied_role'),
  [`DELETE ${V3}/roles/:id/implies/:implied`]: rule('identity:delete_implied_role'),
}

/** By the one key in the body of a server action. */
export const ACTION_RULES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    'os-start': 'servers:start',
    'os-stop': 'servers:stop',
    reboot: 'servers:reboot',
    pause: 'os-pause-server:pause',
    unpause: 'os-pause-server:unpause',
    suspend: 'os-suspend-server:suspend',
    resume: 'os-suspend-server:resume',
    rescue: 'os-rescue',
    unrescue: 'os-unrescue',
    rebuild: 'servers:rebuild',
    resize: 'servers:resize',
    confirmResize: 'servers:confirm_resize',
    revertResize: 'servers:revert_resize',
    migrate: 'os-migrate-server:migrate',
    'os-migrateLive': 'os-migrate-server:migrate_live',
    evacuate: 'os-evacuate',
    shelve: 'os-shelve:shelve',
    shelveOffload: 'os-shelve:shelve_offload',
    unshelve: 'os-shelve:unshelve',
    restore: 'os-deferred-delete:restore',
    forceDelete: 'os-deferred-delete:force',
    lock: 'os-lock-server:lock',
    unlock: 'os-lock-server:unlock',
    changePassword: 'os-admin-password',
    'os-resetState': 'os-admin-actions:reset_state',
    createImage: 'servers:create_image',
    createBackup: 'os-create-backup',
    'os-getConsoleOutput': 'os-console-output',
    trigger_crash_dump: 'servers:trigger_crash_dump',
    'os-getVNCConsole': 'os-remote-consoles',
    'os-getSPICEConsole': 'os-remote-consoles',
    'os-getRDPConsole': 'os-remote-consoles',
    'os-getSerialConsole': 'os-remote-consoles',
    addFixedIp: 'os-multinic:add',
    removeFixedIp: 'os-multinic:remove',
    addFloatingIp: 'os-floating-ips:add',
    removeFloatingIp: 'os-floating-ips:remove',
    addSecurityGroup: 'os-security-groups:add',
    removeSecurityGroup: 'os-security-groups:remove',
  }).map(([action, name]) => [action, `os_compute_api:${name}`]),
)
