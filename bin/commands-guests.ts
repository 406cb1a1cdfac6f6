/** The commands about agents in guests, and the backups that they make. */
import { CLIENT, type CommandSpec, option, WAIT } from './command-spec.ts'

export const GUEST_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'guest list',
    about: 'list guests with an agent, and how their services are',
    options: [option('--agent <state>', 'only never, up, off or unknown'), ...CLIENT],
    load: async () => (await import('./commands/guest.ts')).list,
  },
  {
    path: 'guest show',
    args: '<instance>',
    about: 'show the agent in one guest, and what may be asked of it',
    options: CLIENT,
    load: async () => (await import('./commands/guest.ts')).show,
  },
  {
    path: 'guest exec',
    args: '<instance> <method>',
    about: 'have the agent in a guest do what it declares',
    options: [
      option('--args <json>', 'what goes with it, as a JSON object'),
      option('--timeout <ms>', 'how long its answer is waited for (default 10000, at most 12000)'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/guest.ts')).exec,
  },
  {
    path: 'guest schedule',
    args: '<instance>',
    about: 'have backups of a guest begin by themselves',
    options: [
      option('--every <minutes>', 'pause between two backups'),
      option('--keep <n>', 'how many are kept, and what they build on (default 7)'),
      option('--full-every <n>', 'one in so many is full, the others are incremental (default 1)'),
      option('--off', 'no more'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/guest.ts')).schedule,
  },
  {
    path: 'backup create',
    args: '<subject>',
    about: 'have the agent in an instance, or one outside of guests, make a backup into the image store',
    options: [
      option('--name <name>', 'name of the backup'),
      option('--incremental', 'only what has changed since the newest backup'),
      option('--parent <backup>', 'what an incremental one builds on (default: the newest)'),
      option('--keep <n>', 'older ones made by hand are deleted beyond so many (default: none is)'),
      WAIT,
      ...CLIENT,
    ],
    load: async () => (await import('./commands/backup.ts')).create,
  },
  {
    path: 'backup list',
    about: 'list backups of agents',
    options: [option('--instance <subject>', 'only of this instance or agent, by id if it is deleted'), ...CLIENT],
    load: async () => (await import('./commands/backup.ts')).list,
  },
  { path: 'backup show', args: '<backup>', about: 'show one backup', options: CLIENT, load: async () => (await import('./commands/backup.ts')).show },
  {
    path: 'backup restore',
    args: '<backup> <subject>',
    about: 'put a backup into an instance, or into an agent outside of guests, that has the same service',
    options: [WAIT, ...CLIENT],
    load: async () => (await import('./commands/backup.ts')).restore,
  },
  {
    path: 'backup delete',
    args: '<backup>',
    about: 'delete a backup that no other builds on',
    options: CLIENT,
    load: async () => (await import('./commands/backup.ts')).remove,
  },
]
