/** The commands about compute hosts and about what moves between them; see `commands.ts`. */
import { CLIENT, type CommandSpec, option, WAIT } from './command-spec.ts'

const PARALLEL = option('--parallel <n>', 'instances moved at a time (default 2)')
const COLD = option('--cold', 'stop running instances for the move')

export const HOST_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'migration list',
    about: 'list operations that move an instance to another host, newest first',
    options: [
      option('--instance <instance>', 'only of this instance'),
      option('--host <host>', 'only from or to this host'),
      option('--open', 'only those under way'),
      option('--limit <n>', 'at most so many (default 100)'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/migration.ts')).list,
  },
  {
    path: 'migration show',
    args: '<operation>',
    about: 'show a migration with its steps, and how far it is',
    options: CLIENT,
    load: async () => (await import('./commands/migration.ts')).show,
  },
  {
    path: 'migration abort',
    args: '<operation>',
    about: 'give up a migration; the instance stays where it was',
    options: [WAIT, ...CLIENT],
    load: async () => (await import('./commands/operation.ts')).cancel,
  },
  {
    path: 'migration force-complete',
    args: '<operation>',
    about: 'pause the instance, so that a live migration comes to its end',
    options: [WAIT, ...CLIENT],
    load: async () => (await import('./commands/migration.ts')).forceComplete,
  },
  {
    path: 'host list',
    about: 'list compute hosts with what they have and use',
    options: CLIENT,
    load: async () => (await import('./commands/host.ts')).list,
  },
  {
    path: 'host enable',
    args: '<host>',
    about: 'let a compute host take new instances again',
    options: CLIENT,
    load: async () => (await import('./commands/host.ts')).enable,
  },
  {
    path: 'host disable',
    args: '<host>',
    about: 'take no new instances on a compute host; those it has stay',
    options: [option('--reason <text>', 'why, shown to whoever asks'), ...CLIENT],
    load: async () => (await import('./commands/host.ts')).disable,
  },
  {
    path: 'host fenced',
    args: '<host>',
    about: 'say that nothing runs any more on a host that is down, so that its instances can be evacuated',
    options: CLIENT,
    load: async () => (await import('./commands/host.ts')).fenced,
  },
  {
    path: 'host drain',
    args: '<host>',
    about: 'move every instance off a compute host, which takes no new ones from now on',
    options: [PARALLEL, COLD, WAIT, ...CLIENT],
    load: async () => (await import('./commands/host-empty.ts')).drain,
  },
  {
    path: 'host undrain',
    args: '<host>',
    about: 'end a drain, or what a drain has left: the host takes instances again',
    options: CLIENT,
    load: async () => (await import('./commands/host.ts')).undrain,
  },
  {
    path: 'host maintenance',
    args: '<host> <on|off>',
    about: 'drain a compute host and hold it in maintenance, or end that',
    options: [PARALLEL, COLD, WAIT, ...CLIENT],
    load: async () => (await import('./commands/host-empty.ts')).maintenance,
  },
  {
    path: 'host evacuate',
    args: '<host>',
    about: 'make every instance of a fenced host anew elsewhere',
    options: [PARALLEL, WAIT, ...CLIENT],
    load: async () => (await import('./commands/host-empty.ts')).evacuate,
  },
  {
    path: 'host delete',
    args: '<host>',
    about: 'forget a compute host that is down and holds nothing',
    options: CLIENT,
    load: async () => (await import('./commands/host.ts')).remove,
  },
  { path: 'host show', args: '<host>', about: 'show one compute host', options: CLIENT, load: async () => (await import('./commands/host.ts')).show },
]
