/** `baton instance snapshot` and `backup` */

import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, type Handler, integer, required, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { createImage } from '../client/nova.ts'
import { findInstance } from '../client/resolve.ts'
import { conclude } from './conclude.ts'

async function make(call: Call, verb: string, defaultName: (instance: string) => string, backup?: { type: string; rotation: number }): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const instance = await findInstance(client, argument(call, 0))
  const name = text(call.options, 'name') ?? defaultName(instance.name)
  const action = backup ? { createBackup: { name, backup_type: backup.type, rotation: backup.rotation } } : { createImage: { name } }
  const { image, requestId } = await createImage(client, instance.id, action)
  await conclude(
    call,
    client,
    instance,
    requestId,
    { image, name },
    () => `${instance.name} (${instance.id}): ${verb} into image ${name} (${image ?? 'none kept'})`,
  )
}

export const snapshot: Handler = call => make(call, 'snapshot', name => `${name}-snapshot`)

export const backup: Handler = call => {
  const type = required(call.options, 'type')
  required(call.options, 'rotation')
  const rotation = integer(call.options, 'rotation', 0)
  if (rotation === undefined) throw new BatonError('BadRequest', '--rotation is needed')
  return make(call, 'backup', name => `${name}-${type}`, { type, rotation })
}
