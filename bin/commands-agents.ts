/** The commands about agents outside of guests. */
import { CLIENT, type CommandSpec, option } from './command-spec.ts'

const OUT = option('--out <file>', 'write what the agent needs into this file (mode 0600), instead of showing it once')

export const AGENT_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'agent create',
    args: '<name>',
    about: 'enroll an agent outside of guests: an id, a key pair, and where it finds the cluster',
    options: [OUT, option('--silent-s <seconds>', 'silence after which nobody knows how its service is (default: agents.silentMs)'), ...CLIENT],
    load: async () => (await import('./commands/agent.ts')).create,
  },
  {
    path: 'agent list',
    about: 'list agents outside of guests, and how their services are',
    options: [option('--agent <state>', 'only never, up or unknown'), ...CLIENT],
    load: async () => (await import('./commands/agent.ts')).list,
  },
  {
    path: 'agent show',
    args: '<agent>',
    about: 'show one agent, what may be asked of it, and its newest commands',
    options: CLIENT,
    load: async () => (await import('./commands/agent.ts')).show,
  },
  {
    path: 'agent exec',
    args: '<agent> <method>',
    about: 'have an agent do what it declares; the command is written down, and goes on whatever dies',
    options: [
      option('--args <json>', 'what goes with it, as a JSON object; it is written down, so no secrets'),
      option('--timeout <ms>', 'after so long nobody may do it any more (default 60000)'),
      option('--no-wait', 'only have it written down, and print its id'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/agent.ts')).exec,
  },
  {
    path: 'agent schedule',
    args: '<agent>',
    about: 'have backups of an agent begin by themselves',
    options: [
      option('--every <minutes>', 'pause between two backups'),
      option('--keep <n>', 'how many are kept, and what they build on (default 7)'),
      option('--full-every <n>', 'one in so many is full, the others are incremental (default 1)'),
      option('--off', 'no more'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/agent.ts')).schedule,
  },
  {
    path: 'agent rotate-key',
    args: '<agent>',
    about: 'give an agent another key; a session with the old one ends at once',
    options: [OUT, ...CLIENT],
    load: async () => (await import('./commands/agent.ts')).rotateKey,
  },
  {
    path: 'agent delete',
    args: '<agent>',
    about: 'let no agent in with this key any more; its backups stay',
    options: CLIENT,
    load: async () => (await import('./commands/agent.ts')).remove,
  },
]
