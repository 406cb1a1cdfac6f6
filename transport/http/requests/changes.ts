/**
 * What changed in which microversion: the one place that knows. Routes, schemas and views name a change; that it came with 2.`since` is
 * written here and nowhere else. The numbers are those of Nova's version history; what is not in this table did not change for what
 * Baton has. `docs/nova-api.md` shows it to people.
 */
export interface Change {
  /** N of the first microversion 2.N that has it. */
  readonly since: number
  /** For people: what is different from then on. */
  readonly what: string
}

export const CHANGES = {
  'keypair.type': { since: 2, what: 'key pairs have a type, ssh or x509; their create answers 201 and their delete 204' },
  'server.host-attributes': { since: 3, what: 'servers show host name, reservation, launch index, root device and user data; volumes more' },
  'consoles.remote': { since: 6, what: 'consoles are at /servers/{id}/remote-consoles and no longer actions' },
  'consoles.mks': { since: 8, what: 'consoles of the protocol mks can be asked for' },
  'server.locked': { since: 9, what: 'servers show whether they are locked' },
  'keypair.user': { since: 10, what: 'key pairs of other users, by user_id' },
  'service.forced-down': { since: 11, what: 'services show forced_down; PUT /os-services/force-down' },
  'group.project': { since: 13, what: 'server groups show project and user' },
  'group.soft': { since: 15, what: 'soft-affinity and soft-anti-affinity' },
  'server.host-status': { since: 16, what: 'servers show the status of their host' },
  'crash-dump': { since: 17, what: 'the action trigger_crash_dump' },
  'server.description': { since: 19, what: 'servers have a description' },
  'migrations.force': { since: 22, what: 'a live migration under way can be forced to complete' },
  'migrations.of-server': { since: 23, what: '/servers/{id}/migrations; migrations show their type, and links' },
  'migrations.abort': { since: 24, what: 'a live migration under way can be aborted' },
  'live-migrate.auto': { since: 25, what: "os-migrateLive takes block_migration 'auto' and no disk_over_commit" },
  'server.tags': { since: 26, what: 'servers have tags: shown, set at /servers/{id}/tags, listed by' },
  'hypervisor.cpu-info': { since: 28, what: 'cpu_info of a hypervisor is an object instead of JSON in text' },
  'consoles.tokens': { since: 31, what: 'os-console-auth-tokens is for consoles of all kinds' },
  'hypervisor.paging': { since: 33, what: 'hypervisors come in pages' },
  'keypair.paging': { since: 35, what: 'key pairs come in pages' },
  'proxies-gone': { since: 36, what: 'no /images, which are at /image/v2; no quotas and limits of networks, which are unlimited before' },
  'server.networks': { since: 37, what: "a create must say networks: 'none', 'auto' or a list" },
  'server.status-checked': { since: 38, what: 'servers by a status that is none: 400 instead of an empty list' },
  'image.metadata-gone': { since: 39, what: 'no /images/{id}/metadata, and no limit of metadata of images' },
  'usage.paging': { since: 40, what: 'tenant usage comes in pages' },
  'aggregate.uuid': { since: 41, what: 'aggregates show their UUID' },
  'hosts.gone': { since: 43, what: '/os-hosts is gone: hypervisors and services say it' },
  'addresses.gone': { since: 44, what: 'the actions on fixed and floating addresses are gone' },
  'image.id-in-body': { since: 45, what: 'createImage and createBackup answer with image_id in the body instead of a Location header' },
  'server.flavor-embedded': { since: 47, what: 'servers show their flavor as it was, without link or id' },
  'diagnostics.same': { since: 48, what: 'diagnostics are the same for all drivers' },
  'device.tags-attach': { since: 49, what: 'an attach of a disk or an interface takes a tag' },
  'events.volume-extended': { since: 51, what: 'the external event volume-extended' },
  'server.tags-at-create': { since: 52, what: 'a create takes tags' },
  'host.uuid': { since: 53, what: 'hypervisors and services have UUIDs as ids; search and servers become parameters of the list' },
  'rebuild.key': { since: 54, what: 'a rebuild sets the key pair, and answers with its name' },
  'flavor.description': { since: 55, what: 'flavors have a description: PUT /flavors/{id}' },
  'personality.gone': {
    since: 57,
    what: 'a create takes no personality; quotas of injected files are gone; a rebuild sets user_data, and answers with it',
  },
  'actions.paging': { since: 58, what: 'instance actions come in pages, by changes-since, and show updated_at' },
  'migrations.paging': { since: 59, what: 'migrations come in pages, by changes-since, and show their UUID' },
  'flavor.extra-specs': { since: 61, what: 'flavors show their extra specs' },
  'actions.host': { since: 62, what: 'events of instance actions show host and hostId' },
  'server.trusted-certificates': { since: 63, what: 'servers show trusted_image_certificates' },
  'group.rules': { since: 64, what: 'a server group has one policy with rules instead of a list of policies and metadata' },
  'changes-before': { since: 66, what: 'servers, instance actions and migrations can be listed by changes-before' },
  'device.tags-shown': { since: 70, what: 'attached disks and interfaces show their tags' },
  'server.groups': { since: 71, what: 'a server shows its server groups' },
  'server.locked-reason': { since: 73, what: 'servers show why they are locked, and can be listed by locked' },
  'server.on-host': { since: 74, what: 'a create takes host and hypervisor_hostname' },
  strict: { since: 75, what: 'unknown parameters of lists are 400; swap of a flavor is a number; updates answer like a show' },
  'events.power-update': { since: 76, what: 'the external event power-update' },
  'server.topology': { since: 78, what: '/servers/{id}/topology' },
  'disk.delete-on-termination': { since: 79, what: 'an attach says whether the disk goes with the server' },
  'migrations.user': { since: 80, what: 'migrations show user and project, and can be listed by them' },
  'aggregate.images': { since: 81, what: '/os-aggregates/{id}/images' },
  'events.accelerator': { since: 82, what: 'the external event accelerator-request-bound' },
  'actions.details': { since: 84, what: 'events of instance actions show details' },
  'disk.update': { since: 85, what: 'whether an attached disk goes with the server can be changed' },
  'hypervisor.lean': { since: 88, what: 'hypervisors show no amounts and no cpu_info, but uptime; /statistics, /uptime of one answer 404' },
  'disk.bdm-uuid': { since: 89, what: 'attached disks show attachment_id and bdm_uuid instead of id' },
  'server.hostname': { since: 90, what: 'the host name of a server can be set' },
} as const satisfies Readonly<Record<string, Change>>

export type ChangeName = keyof typeof CHANGES

/** Whether microversion 2.`minor` has that change. */
export const has = (minor: number, change: ChangeName): boolean => minor >= CHANGES[change].since

/**
 * Marks a part of a request schema as coming with a change, or as going away with one (`until`). What does not belong to the version asked
 * for is refused in bodies and ignored in queries (`schema-versions.ts`). Readers of the OpenAPI document see the marks too.
 */
export const since = <S extends object>(change: ChangeName, schema: S): S => ({ ...schema, 'x-since': CHANGES[change].since })
export const until = <S extends object>(change: ChangeName, schema: S): S => ({ ...schema, 'x-until': CHANGES[change].since })

/** The fields of an answer that come or go with a change. Rows are applied in order. */
export interface Shape<T> {
  readonly change: ChangeName
  add?(item: T): object
  readonly drop?: readonly string[]
}

/** `base` as it is in microversion 2.`minor`. */
export function shaped<T>(base: object, item: T, minor: number, shapes: readonly Shape<T>[]): Record<string, unknown> {
  const fields: Record<string, unknown> = { ...base }
  for (const { change, add, drop = [] } of shapes) {
    if (!has(minor, change)) continue
    for (const name of drop) delete fields[name]
    Object.assign(fields, add?.(item))
  }
  return fields
}
