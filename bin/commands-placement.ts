/** The commands about placement: aggregates, server groups, extra specs, what hosts offer, and why a choice fell as it did. */
import type { Handler } from './call.ts'
import { CLIENT, type CommandSpec, type OptionSpec, option } from './command-spec.ts'

/** Where an instance is to be. */
export const PLACE: readonly OptionSpec[] = [
  option('--zone <zone>', 'on a host of this availability zone'),
  option('--host <host>', 'on this host and no other'),
  option('--group <group>', 'member of this server group for life, by name or id'),
  option('--hint <hints>', 'same_host=INSTANCE, different_host=INSTANCE, several separated by commas'),
]

const command = (
  path: string,
  args: string | null,
  about: string,
  load: () => Promise<Handler>,
  options: readonly OptionSpec[] = [],
): CommandSpec => ({
  path,
  ...(args === null ? {} : { args }),
  about,
  options: [...options, ...CLIENT],
  load,
})

const ZONE = option('--zone <zone>', 'make it this availability zone')
const aggregates = () => import('./commands/aggregate.ts')
const groups = () => import('./commands/group.ts')

export const PLACEMENT_COMMANDS: readonly CommandSpec[] = [
  command('host set', '<host>', 'change what a compute host offers', async () => (await import('./commands/host-set.ts')).set, [
    option('--reserved-vcpus <n>', 'CPUs kept back; `default` for what is configured'),
    option('--reserved-ram-mb <mb>', 'memory kept back'),
    option('--reserved-disk-gb <gb>', 'disk kept back'),
    option('--cpu-ratio <ratio>', 'virtual CPUs promised per CPU; `default` for what is configured'),
    option('--ram-ratio <ratio>', 'memory promised per memory'),
    option('--disk-ratio <ratio>', 'disk promised per disk'),
    option('--resources <items>', 'CUSTOM_X=TOTAL, several separated by commas; 0 takes one away'),
    option('--add-traits <traits>', 'separated by commas'),
    option('--remove-traits <traits>', 'separated by commas'),
  ]),
  command('aggregate list', null, 'list aggregates', async () => (await aggregates()).list),
  command('aggregate show', '<aggregate>', 'show one aggregate', async () => (await aggregates()).show),
  command('aggregate create', '<name>', 'create an aggregate', async () => (await aggregates()).create, [ZONE]),
  command('aggregate set', '<aggregate>', 'change name, zone or metadata', async () => (await aggregates()).set, [
    option('--name <name>', 'the new name'),
    ZONE,
    option('--metadata <items>', 'key=value, several separated by commas; others stay'),
    option('--unset <keys>', 'metadata to take away, separated by commas'),
  ]),
  command('aggregate add-host', '<aggregate> <host>', 'put a host into an aggregate', async () => (await aggregates()).addHost),
  command('aggregate remove-host', '<aggregate> <host>', 'take a host out of an aggregate', async () => (await aggregates()).removeHost),
  command('aggregate delete', '<aggregate>', 'delete an aggregate without hosts', async () => (await aggregates()).remove),
  command('group list', null, 'list server groups', async () => (await groups()).list),
  command('group show', '<group>', 'show one server group with its members', async () => (await groups()).show),
  command('group create', '<name>', 'create a server group', async () => (await groups()).create, [
    option('--policy <policy>', 'affinity, anti-affinity, soft-affinity or soft-anti-affinity'),
    option('--max-per-host <n>', 'members that one host may have, of an anti-affinity group (default 1)'),
  ]),
  command('group delete', '<group>', 'delete a server group; its members stay where they are', async () => (await groups()).remove),
  command('flavor set', '<flavor>', 'set extra specs', async () => (await import('./commands/flavor-specs.ts')).set, [
    option('--property <items>', 'key=value, several separated by commas: resources:CUSTOM_X=1, trait:X=required …'),
  ]),
  command('flavor unset', '<flavor>', 'take extra specs away', async () => (await import('./commands/flavor-specs.ts')).unset, [
    option('--property <keys>', 'separated by commas'),
  ]),
  command(
    'schedule explain',
    null,
    'say for each host whether an instance would fit, and why not',
    async () => (await import('./commands/schedule.ts')).explain,
    [
      option('--flavor <flavor>', 'size, by name or id'),
      option('--image <image>', 'image, by name or id (default: any)'),
      ...PLACE,
      option('--all', 'every host, not only a few of each kind'),
    ],
  ),
]
