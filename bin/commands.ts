/**
 * Every command of the CLI as one table of data. Parsing, help, shell completion and the README's reference are made from
 * it. `load` imports the file of a command only when it runs: `baton status` loads nothing of the server.
 */
import { CLIENT, CONFIG, type CommandSpec, DATA, JSON_OUT, type OptionSpec, option, PAGE, WAIT } from './command-spec.ts'
import { DEVICE_COMMANDS } from './commands-devices.ts'
import { GUEST_COMMANDS } from './commands-guests.ts'
import { HOST_COMMANDS } from './commands-host.ts'
import { NODE_COMMANDS } from './commands-nodes.ts'
import { OBSERVE_COMMANDS } from './commands-observe.ts'
import { PLACE, PLACEMENT_COMMANDS } from './commands-placement.ts'
import { DIAGNOSTICS_COMMAND, PROJECT, QUOTA_COMMANDS, USAGE_COMMAND } from './commands-quotas.ts'

const instanceAction = (verb: string, about: string, load: CommandSpec['load'], more: readonly OptionSpec[] = []): CommandSpec => ({
  path: `instance ${verb}`,
  args: '<instances...>',
  about,
  options: [WAIT, ...more, ...CLIENT],
  load,
})

const TO = option('--host <host>', 'the host to go to (default: the scheduler chooses)')

const instanceChange = (verb: string, about: string, load: CommandSpec['load'], more: readonly OptionSpec[] = []): CommandSpec => ({
  path: `instance ${verb}`,
  args: '<instance>',
  about,
  options: [...more, ...CLIENT],
  load,
})

export const COMMANDS: readonly CommandSpec[] = [
  ...NODE_COMMANDS,
  {
    path: 'status',
    about: 'show the health of the cluster, and whether it needs another conductor',
    options: CLIENT,
    load: async () => (await import('./commands/status.ts')).status,
  },
  {
    path: 'top',
    about: 'watch nodes, shards, queues, operations, hosts and instances live; keys sort, filter and drill; once when not on a terminal',
    options: [option('--view <name>', 'overview, nodes, shards, queues, operations, hosts or instances'), ...CLIENT],
    load: async () => (await import('./commands/top.ts')).top,
  },
  {
    path: 'events',
    about: 'show what instances, operations, hosts and conductors do, as it happens',
    options: [
      option('--follow', 'until Ctrl-C'),
      option('--seconds <n>', 'or for so long (default 10)'),
      option('--subject <id>', 'only about this instance, with its operations, or this host'),
      option('--kind <kind>', 'only of actors of this kind: instance, operation, host …'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/events.ts')).events,
  },
  {
    path: 'doctor',
    about: 'list what differs between what is believed and what is there; exit 0 nothing, 1 something, 2 could not look',
    options: [
      option('--repair', 'repair what is seen twice, each through its owner'),
      option('--instance <id>', 'only what is about this instance, by id'),
      option('--host <host>', 'only what is about this host'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  ...OBSERVE_COMMANDS,
  {
    path: 'instance create',
    args: '<name>',
    about: 'build instances',
    options: [
      option('--flavor <flavor>', 'size, by name or id'),
      option('--image <image>', 'image, by name or id (default: the only one there is)'),
      option('--count <n>', 'how many; each gets -1, -2 … behind the name (default 1)'),
      option('--client-token <token>', 'the same token again gives the same instances'),
      ...PLACE,
      option('--ha <policy>', 'none, restart-in-place or evacuate: what is done when the guest or its host fails (default none)'),
      PROJECT,
      WAIT,
      ...CLIENT,
    ],
    load: async () => (await import('./commands/instance-create.ts')).create,
  },
  {
    path: 'instance list',
    about: 'list instances, newest first',
    options: [
      option('--name <name>', 'only with this name'),
      option('--status <status>', 'only in this status: ACTIVE, BUILD, ERROR …'),
      option('--host <host>', 'only on this host'),
      option('--deleted', 'deleted ones instead of the living'),
      ...PAGE,
      ...CLIENT,
    ],
    load: async () => (await import('./commands/instance.ts')).list,
  },
  {
    path: 'instance show',
    args: '<instance>',
    about: 'show one instance',
    options: CLIENT,
    load: async () => (await import('./commands/instance.ts')).show,
  },
  {
    path: 'instance log',
    args: '<instance>',
    about: 'print the console log',
    options: [option('--lines <n>', 'only so many last lines'), ...CLIENT],
    load: async () => (await import('./commands/instance.ts')).log,
  },
  DIAGNOSTICS_COMMAND,
  instanceAction('delete', 'delete instances', async () => (await import('./commands/instance-action.ts')).remove),
  instanceAction('start', 'start stopped instances', async () => (await import('./commands/instance-action.ts')).start),
  instanceAction('stop', 'stop instances; their disks stay', async () => (await import('./commands/instance-action.ts')).stop),
  instanceAction('reboot', 'reboot instances', async () => (await import('./commands/instance-action.ts')).reboot, [
    option('--hard', 'without asking the guest'),
  ]),
  instanceAction('pause', 'freeze instances in memory', async () => (await import('./commands/instance-action.ts')).pause),
  instanceAction('unpause', 'let paused instances go on', async () => (await import('./commands/instance-action.ts')).unpause),
  instanceAction('force-delete', 'delete instances for good, at once', async () => (await import('./commands/instance-action.ts')).forceDelete),
  instanceAction('restore', 'take back a soft delete', async () => (await import('./commands/instance-action.ts')).restore),
  instanceAction('suspend', 'save instances to disk and stop them', async () => (await import('./commands/instance-action.ts')).suspend),
  instanceAction('resume', 'let suspended instances go on', async () => (await import('./commands/instance-action.ts')).resume),
  instanceAction('rescue', 'boot instances from another image', async () => (await import('./commands/instance-action.ts')).rescue, [
    option('--image <image>', 'image to boot (default: their own)'),
  ]),
  instanceAction(
    'unrescue',
    'boot rescued instances from their own disk again',
    async () => (await import('./commands/instance-action.ts')).unrescue,
  ),
  instanceAction('rebuild', 'make instances anew from an image, in place', async () => (await import('./commands/instance-action.ts')).rebuild, [
    option('--image <image>', 'image, by name or id'),
  ]),
  instanceAction(
    'resize',
    'move instances to a host with room for another size',
    async () => (await import('./commands/instance-action.ts')).resize,
    [option('--flavor <flavor>', 'the new size, by name or id')],
  ),
  instanceAction('migrate', 'stop instances and start them on another host', async () => (await import('./commands/instance-action.ts')).migrate, [
    TO,
  ]),
  instanceAction('live-migrate', 'carry running instances to another host', async () => (await import('./commands/instance-action.ts')).liveMigrate, [
    TO,
    option('--block-migration <how>', 'copy the disk too: yes, no or auto, when the hosts do not share it (default auto)'),
  ]),
  instanceAction('confirm', 'keep a resize or migration', async () => (await import('./commands/instance-action.ts')).confirm),
  instanceAction('revert', 'take back a resize or migration', async () => (await import('./commands/instance-action.ts')).revert),
  instanceAction(
    'evacuate',
    'make instances of a host that is fenced, or whose lease has run out, anew elsewhere',
    async () => (await import('./commands/instance-action.ts')).evacuate,
    [TO],
  ),
  instanceAction('shelve', 'stop instances and give back their room', async () => (await import('./commands/instance-action.ts')).shelve),
  instanceAction('offload', 'give back the room of shelved instances now', async () => (await import('./commands/instance-action.ts')).offload),
  instanceAction('unshelve', 'start shelved instances again', async () => (await import('./commands/instance-action.ts')).unshelve, [TO]),
  instanceChange('snapshot', 'copy the disk of an instance into an image', async () => (await import('./commands/snapshot.ts')).snapshot, [
    option('--name <name>', 'name of the image (default: made from the name of the instance)'),
    WAIT,
  ]),
  instanceChange(
    'backup',
    'snapshot an instance, and delete the oldest backups of the same type',
    async () => (await import('./commands/snapshot.ts')).backup,
    [
      option('--type <type>', 'the series it belongs to, such as daily'),
      option('--rotation <n>', 'how many of the series to keep, this one included'),
      option('--name <name>', 'name of the image (default: made from name and type)'),
      WAIT,
    ],
  ),
  instanceChange('lock', 'refuse what changes an instance', async () => (await import('./commands/instance-change.ts')).lock, [
    option('--reason <text>', 'why, shown to whoever is refused'),
  ]),
  instanceChange('unlock', 'end a lock', async () => (await import('./commands/instance-change.ts')).unlock),
  instanceChange('set', 'change name, metadata, tags or the HA policy', async () => (await import('./commands/instance-change.ts')).set, [
    option('--name <name>', 'the new name'),
    option('--metadata <items>', 'key=value, several separated by commas; others stay'),
    option('--tags <tags>', 'all tags, separated by commas'),
    option('--ha <policy>', 'none, restart-in-place or evacuate: what is done when the guest or its host fails'),
  ]),
  instanceChange('password', 'change the password of the administrator', async () => (await import('./commands/instance-change.ts')).password, [
    option('--password <text>', 'the new one'),
  ]),
  instanceChange(
    'reset-state',
    'say what an instance is, when Baton is wrong',
    async () => (await import('./commands/instance-change.ts')).resetState,
    [option('--state <state>', 'active or error')],
  ),
  {
    path: 'operation list',
    about: 'list operations, newest first',
    options: [
      option('--instance <instance>', 'only of this instance'),
      option('--open', 'only those under way'),
      option('--limit <n>', 'at most so many (default 100)'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/operation.ts')).list,
  },
  {
    path: 'operation show',
    args: '<operation>',
    about: 'show one operation with its steps',
    options: CLIENT,
    load: async () => (await import('./commands/operation.ts')).show,
  },
  {
    path: 'operation watch',
    args: '<operation>',
    about: 'show each step as it happens until the operation has ended',
    options: CLIENT,
    load: async () => (await import('./commands/operation.ts')).watch,
  },
  {
    path: 'operation cancel',
    args: '<operation>',
    about: 'ask an operation to stop and undo what it did',
    options: [WAIT, ...CLIENT],
    load: async () => (await import('./commands/operation.ts')).cancel,
  },
  { path: 'flavor list', about: 'list flavors', options: CLIENT, load: async () => (await import('./commands/flavor.ts')).list },
  { path: 'flavor show', args: '<flavor>', about: 'show one flavor', options: CLIENT, load: async () => (await import('./commands/flavor.ts')).show },
  {
    path: 'flavor create',
    args: '<name>',
    about: 'create a flavor',
    options: [
      option('--vcpus <n>', 'virtual CPUs'),
      option('--ram <mb>', 'memory in MiB'),
      option('--disk <gb>', 'disk in GiB'),
      option('--id <id>', 'id to use (default: a new one)'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/flavor.ts')).create,
  },
  {
    path: 'flavor delete',
    args: '<flavor>',
    about: 'delete a flavor',
    options: CLIENT,
    load: async () => (await import('./commands/flavor.ts')).remove,
  },
  ...DEVICE_COMMANDS,
  ...GUEST_COMMANDS,
  ...QUOTA_COMMANDS,
  USAGE_COMMAND,
  ...HOST_COMMANDS,
  ...PLACEMENT_COMMANDS,
  {
    path: 'queue list',
    about: 'list queues: depth, limit, oldest message, and who is busy',
    options: CLIENT,
    load: async () => (await import('./commands/queue.ts')).list,
  },
  {
    path: 'config sample',
    about: 'print a commented baton.yaml with every key',
    options: [],
    load: async () => (await import('./commands/config.ts')).sample,
  },
  {
    path: 'config check',
    args: '[file]',
    about: 'check a configuration file',
    options: [CONFIG],
    load: async () => (await import('./commands/config.ts')).check,
  },
  {
    path: 'config show',
    about: 'print the settings in force here: file, environment and defaults',
    options: [CONFIG, DATA, JSON_OUT],
    load: async () => (await import('./commands/config.ts')).show,
  },
  {
    path: 'completion',
    args: '<shell>',
    about: 'print a completion script for bash, zsh or fish',
    options: [],
    load: async () => (await import('./commands/completion.ts')).completion,
  },
]

/** What the first words of the two-word commands stand for. */
export const GROUPS: Readonly<Record<string, string>> = {
  node: 'conductors, compute hosts and gateways',
  instance: 'build and control instances',
  operation: 'long-running operations and their steps',
  migration: 'moves of instances to other hosts',
  flavor: 'sizes of instances',
  aggregate: 'groups of hosts: availability zones, and metadata that flavors ask for',
  group: 'instances that are to be together or apart',
  schedule: 'how hosts are chosen',
  quota: 'limits of projects',
  image: 'what instances start from',
  disk: 'disks beside those that instances boot from',
  interface: 'network interfaces of instances',
  guest: 'agents in guests',
  backup: 'backups that agents in guests make',
  host: 'compute hosts',
  queue: 'queues of messages',
  audit: 'who did what',
  debug: 'what to send when something is wrong',
  config: 'the configuration file',
}
