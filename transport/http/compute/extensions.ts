/** /extensions: what old clients ask to find out what there is. Nova stopped changing it when it got microversions; the names are its own. */
import type { FastifyInstance } from 'fastify'
import { COMPUTE } from '../context.ts'
import { notFound } from '../requests/errors.ts'

/** Of Nova's extensions those that Baton has, by alias. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  'OS-DCF': 'DiskConfig',
  'OS-EXT-AZ': 'ExtendedAvailabilityZone',
  'OS-EXT-SRV-ATTR': 'ExtendedServerAttributes',
  'OS-EXT-STS': 'ExtendedStatus',
  'OS-FLV-DISABLED': 'FlavorDisabled',
  'OS-FLV-EXT-DATA': 'FlavorExtraData',
  'OS-SCH-HNT': 'SchedulerHints',
  'OS-SRV-USG': 'ServerUsage',
  'os-admin-actions': 'AdminActions',
  'os-admin-password': 'AdminPassword',
  'os-aggregates': 'Aggregates',
  'os-attach-interfaces': 'AttachInterfaces',
  'os-availability-zone': 'AvailabilityZone',
  'os-config-drive': 'ConfigDrive',
  'os-console-output': 'ConsoleOutput',
  'os-consoles': 'Consoles',
  'os-create-backup': 'CreateBackup',
  'os-deferred-delete': 'DeferredDelete',
  'os-evacuate': 'Evacuate',
  'os-extended-volumes': 'ExtendedVolumes',
  'os-flavor-access': 'FlavorAccess',
  'os-flavor-extra-specs': 'FlavorExtraSpecs',
  'os-flavor-manage': 'FlavorManage',
  'os-hosts': 'Hosts',
  'os-hypervisors': 'Hypervisors',
  'os-instance-actions': 'InstanceActions',
  'os-instance_usage_audit_log': 'OSInstanceUsageAuditLog',
  'os-keypairs': 'Keypairs',
  'os-lock-server': 'LockServer',
  'os-migrate-server': 'MigrateServer',
  'os-migrations': 'Migrations',
  'os-multiple-create': 'MultipleCreate',
  'os-pause-server': 'PauseServer',
  'os-personality': 'Personality',
  'os-quota-class-sets': 'QuotaClasses',
  'os-quota-sets': 'Quotas',
  'os-rescue': 'Rescue',
  'os-server-diagnostics': 'ServerDiagnostics',
  'os-server-external-events': 'ServerExternalEvents',
  'os-server-groups': 'ServerGroups',
  'os-server-password': 'ServerPassword',
  'os-services': 'Services',
  'os-shelve': 'Shelve',
  'os-simple-tenant-usage': 'SimpleTenantUsage',
  'os-suspend-server': 'SuspendServer',
  'os-used-limits': 'UsedLimits',
  'os-user-data': 'UserData',
  'server-migrations': 'ServerMigrations',
}

const extension = (alias: string, name: string) => ({
  alias,
  name,
  description: `${name}, as in Nova.`,
  links: [],
  namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
  updated: '2014-12-03T00:00:00Z',
})

export function extensionRoutes(app: FastifyInstance): void {
  const path = `${COMPUTE}/extensions`

  app.get(path, async () => ({ extensions: Object.entries(EXTENSIONS).map(([alias, name]) => extension(alias, name)) }))

  app.get<{ Params: { alias: string } }>(`${path}/:alias`, async request => {
    const { alias } = request.params
    const name = Object.hasOwn(EXTENSIONS, alias) ? EXTENSIONS[alias] : undefined
    if (name === undefined) throw notFound('Extension', alias)
    return { extension: extension(alias, name) }
  })
}
