/**
 * The drive by which a guest learns who it is, in one of the two forms that cloud-init knows: OpenStack's config drive, or NoCloud's seed for
 * systems that look for nothing else. They differ in the label, by which a system finds it, and in the files. Pure.
 */
import type { GuestSpec } from './driver.ts'
import { guestData } from './guest-data.ts'

export interface ConfigDrive {
  /** Of its file system. */
  readonly label: string
  /** Contents by path. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

export const configDrive = (spec: GuestSpec): ConfigDrive =>
  spec.about?.drive === 'nocloud' ? { label: 'cidata', files: noCloud(spec) } : { label: 'config-2', files: openstack(spec) }

/** EC2's tree stands under a folder of its own on a drive. */
const openstack = (spec: GuestSpec): ConfigDrive['files'] =>
  new Map([...guestData(spec)].map(([path, bytes]): [string, Uint8Array] => [path.startsWith('openstack/') ? path : `ec2/${path}`, bytes]))

/** YAML whose texts are written as in JSON. `user-data` has to be there, be it empty. */
function noCloud({ instance, name, about, devices }: GuestSpec): ConfigDrive['files'] {
  const { hostname = name, keyPair, userData = '' } = about ?? {}
  const meta = [
    `instance-id: ${JSON.stringify(instance)}`,
    `local-hostname: ${JSON.stringify(hostname)}`,
    ...(keyPair ? ['public-keys:', `  - ${JSON.stringify(keyPair.publicKey.trim())}`] : []),
  ]
  const cards = (devices?.interfaces ?? []).flatMap(({ mac }, i) => [
    ...[`  nic${i}:`, '    match:', `      macaddress: ${JSON.stringify(mac.toLowerCase())}`, '    dhcp4: true'],
  ])
  const text = (lines: readonly string[]): Uint8Array => new TextEncoder().encode(`${lines.join('\n')}\n`)
  return new Map([
    ['meta-data', text(meta)],
    ['user-data', Uint8Array.from(atob(userData), character => character.charCodeAt(0))],
    ['vendor-data', new Uint8Array()],
    ...(cards.length > 0 ? [['network-config', text(['version: 2', 'ethernets:', ...cards])] as const] : []),
  ])
}
