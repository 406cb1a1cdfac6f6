/** The way to the agent in a virtual machine: its virtio-serial port, whose other end is a Unix socket of its QEMU in the guest's folder. */
import { connect } from 'node:net'
import { join } from 'node:path'
import type { GuestChannels } from '../../../guest/contract.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { pipeOf } from '../process/agent-channel.ts'
import { checkInstanceId } from '../rules.ts'
import { FILES } from './command-line.ts'

/** `run`: the folder with the folders of all guests. */
export const qemuAgents = (run: string): GuestChannels => ({
  async open(instance, listener) {
    checkInstanceId(instance)
    const socket = connect(join(run, instance, FILES.agent))
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', error => reject(new BatonError('DriverFault', `no way to the agent of guest ${instance}: ${error.message}`)))
    })
    socket.unref()
    socket.on('error', () => {})
    socket.on('data', chunk => listener.bytes(chunk))
    socket.on('close', () => listener.ended())
    return pipeOf(
      () => socket,
      () => {},
      () => {},
    )
  },
})
