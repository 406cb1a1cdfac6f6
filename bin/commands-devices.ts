/** The commands about images, disks and interfaces. */
import { CLIENT, type CommandSpec, option, WAIT } from './command-spec.ts'

const IMAGE_FIELDS = [
  option('--visibility <who>', 'public, private, shared or community (default shared)'),
  option('--protected <yes|no>', 'whether it is kept from being deleted'),
  option('--property <items>', 'key=value, several separated by commas'),
  option('--tags <tags>', 'all tags, separated by commas'),
  option('--min-disk <gb>', 'least disk of a flavor that boots it, in GB'),
  option('--min-ram <mb>', 'least memory of such a flavor, in MiB'),
]

export const DEVICE_COMMANDS: readonly CommandSpec[] = [
  { path: 'image list', about: 'list images', options: CLIENT, load: async () => (await import('./commands/image.ts')).list },
  { path: 'image show', args: '<image>', about: 'show one image', options: CLIENT, load: async () => (await import('./commands/image.ts')).show },
  {
    path: 'image create',
    about: 'register an image, and upload its bytes',
    options: [
      option('--name <name>', 'name of the image'),
      option('--file <path>', 'its bytes; without, it is queued until somebody uploads them'),
      ...IMAGE_FIELDS,
      option('--disk-format <format>', 'raw, qcow2, iso … (default raw)'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/image-data.ts')).create,
  },
  {
    path: 'image set',
    args: '<image>',
    about: 'change what is said of an image',
    options: [
      option('--name <name>', 'the new name'),
      ...IMAGE_FIELDS,
      option('--unset <properties>', 'properties to take away, separated by commas'),
      ...CLIENT,
    ],
    load: async () => (await import('./commands/image-data.ts')).set,
  },
  {
    path: 'image save',
    args: '<image>',
    about: 'download the bytes of an image, and compare them with its digest',
    options: [option('--file <path>', 'where to; a file that is there already is not written over'), ...CLIENT],
    load: async () => (await import('./commands/image-data.ts')).save,
  },
  {
    path: 'image delete',
    args: '<image>',
    about: 'delete an image; instances made from it go on',
    options: CLIENT,
    load: async () => (await import('./commands/image.ts')).remove,
  },
  {
    path: 'disk list',
    about: 'list disks beside those that instances boot from',
    options: [option('--instance <instance>', 'only of this instance'), ...CLIENT],
    load: async () => (await import('./commands/disk.ts')).list,
  },
  {
    path: 'disk attach',
    args: '<instance> [disk]',
    about: 'plug a disk into an instance; one that is not there yet is made on its host',
    options: [
      option('--size <gb>', 'of a new disk, in GB (default 1)'),
      option('--device <name>', 'name in the guest, /dev/vdb to /dev/vdq (default: the first that is free)'),
      WAIT,
      ...CLIENT,
    ],
    load: async () => (await import('./commands/disk.ts')).attach,
  },
  {
    path: 'disk detach',
    args: '<instance> <disk>',
    about: 'unplug a disk; what is on it stays',
    options: [WAIT, ...CLIENT],
    load: async () => (await import('./commands/disk.ts')).detach,
  },
  {
    path: 'disk delete',
    args: '<disk>',
    about: 'delete a disk that is attached to no instance, and what is on it',
    options: CLIENT,
    load: async () => (await import('./commands/disk.ts')).remove,
  },
  {
    path: 'interface list',
    args: '<instance>',
    about: 'list the network interfaces of an instance',
    options: CLIENT,
    load: async () => (await import('./commands/interface.ts')).list,
  },
  {
    path: 'interface attach',
    args: '<instance>',
    about: 'plug a network interface into an instance',
    options: [option('--network <network>', 'network of its host (default local)'), WAIT, ...CLIENT],
    load: async () => (await import('./commands/interface.ts')).attach,
  },
  {
    path: 'interface detach',
    args: '<instance> <interface>',
    about: 'unplug a network interface',
    options: [WAIT, ...CLIENT],
    load: async () => (await import('./commands/interface.ts')).detach,
  },
]
