/** What clients do to instances: in which states, and how it is asked for. */
import { randomUUID } from 'node:crypto'
import { attachDisk, attachPort, detachDisk, detachPort, listDisks, listPorts } from '../client/devices.ts'
import type { Client } from '../client/http.ts'
import { ACTIONS, actOnInstance, createImage, deleteInstance, sendAction } from '../client/nova.ts'

/** Answers with the request's id; null when there is nothing to do it to. Rejects as the request does. */
type Ask = (client: Client, instance: string) => Promise<{ readonly requestId: string | null } | null>

const asked = async (requestId: Promise<string | null>) => ({ requestId: await requestId })

const OTHERS = {
  delete: (client, id) => asked(deleteInstance(client, id)),
  migrate: (client, id) => asked(sendAction(client, id, { migrate: null })),
  'live-migrate': (client, id) => asked(sendAction(client, id, { 'os-migrateLive': { host: null, block_migration: 'auto' } })),
  snapshot: (client, id) => createImage(client, id, { createImage: { name: `chaos-${id.slice(0, 8)}` } }),
  'attach-disk': (client, id) => attachDisk(client, id, { volumeId: randomUUID(), size: 1, device: undefined }),
  'attach-interface': (client, id) => attachPort(client, id, undefined),
  async 'detach-disk'(client, id) {
    const [disk] = await listDisks(client, id)
    return disk ? asked(detachDisk(client, id, disk.id)) : null
  },
  async 'detach-interface'(client, id) {
    const [port] = await listPorts(client, id)
    return port ? asked(detachPort(client, id, port.id)) : null
  },
} satisfies Readonly<Record<string, Ask>>

export type Act = keyof typeof ACTIONS | keyof typeof OTHERS

const DEVICES: readonly Act[] = ['attach-disk', 'detach-disk', 'attach-interface', 'detach-interface']

/** What may be asked in each state. */
export const ACTS: Readonly<Record<string, readonly Act[]>> = {
  ACTIVE: ['stop', 'reboot-soft', 'reboot-hard', 'pause', 'suspend', 'migrate', 'live-migrate', 'live-migrate', 'shelve', 'snapshot', ...DEVICES],
  SHUTOFF: ['start', 'migrate', 'snapshot', ...DEVICES],
  PAUSED: ['unpause', 'live-migrate'],
  SUSPENDED: ['resume'],
  VERIFY_RESIZE: ['confirm', 'revert'],
  SHELVED_OFFLOADED: [],
}

const isVerb = (act: Act): act is keyof typeof ACTIONS => act in ACTIONS

export const ask = (client: Client, instance: string, act: Act): ReturnType<Ask> =>
  isVerb(act) ? asked(actOnInstance(client, instance, act)) : OTHERS[act](client, instance)
