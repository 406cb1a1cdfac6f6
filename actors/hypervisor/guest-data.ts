/**
 * What a guest may read about itself, as files by path: the metadata service answers from them, and a config drive is made of them. The
 * paths and forms are those of EC2 and of OpenStack, which the programs that set up a guest (cloud-init and others) know. Pure.
 */
import type { GuestSpec, Interface } from './driver.ts'

/** Contents by path, without a slash in front. */
export type GuestData = ReadonlyMap<string, Uint8Array>

/** The newest form of OpenStack's documents that these are, and the form of EC2's. */
const OPENSTACK_VERSIONS = ['2018-08-27', 'latest']
const EC2_VERSIONS = ['2009-04-04', 'latest']

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), character => character.charCodeAt(0))

/** EC2 has ids of 8 hex digits; this one follows from the UUID. */
const ec2Id = (kind: string, uuid: string): string => `${kind}-${uuid.replace(/\W/g, '').slice(0, 8).padEnd(8, '0')}`

export function guestData(spec: GuestSpec): GuestData {
  const data = new Map<string, Uint8Array>()
  for (const [path, content] of Object.entries(openstackFiles(spec)))
    for (const version of OPENSTACK_VERSIONS) data.set(`openstack/${version}/${path}`, content)
  for (const [i, { contents }] of (spec.about?.files ?? []).entries()) data.set(contentPath(i), fromBase64(contents))
  for (const [path, content] of Object.entries(ec2Files(spec))) for (const version of EC2_VERSIONS) data.set(`${version}/${path}`, content)
  return data
}

const contentPath = (i: number): string => `openstack/content/${String(i).padStart(4, '0')}`

function openstackFiles(spec: GuestSpec): Record<string, Uint8Array> {
  const { instance, name, metadata, about, devices } = spec
  const { keyPair: pair, files = [], userData } = about ?? {}
  const tagged = (device: { readonly tag?: string }): boolean => device.tag !== undefined
  const meta = {
    uuid: instance,
    name,
    hostname: about?.hostname ?? name,
    launch_index: 0,
    availability_zone: null,
    project_id: about?.project ?? null,
    meta: metadata,
    ...(pair ? { public_keys: { [pair.name]: pair.publicKey }, keys: [{ name: pair.name, type: pair.type, data: pair.publicKey }] } : {}),
    ...(files.length > 0 ? { files: files.map(({ path }, i) => ({ path, content_path: `/${contentPath(i).slice('openstack/'.length)}` })) } : {}),
    devices: [
      ...(devices?.disks ?? []).filter(tagged).map(({ id, device, tag }) => ({ type: 'disk', path: device, serial: id, tags: [tag] })),
      ...(devices?.interfaces ?? []).filter(tagged).map(({ mac, tag }) => ({ type: 'nic', mac, tags: [tag] })),
    ],
  }
  return {
    'meta_data.json': bytes(JSON.stringify(meta)),
    'network_data.json': bytes(JSON.stringify(networkData(devices?.interfaces ?? []))),
    'vendor_data.json': bytes('{}'),
    'vendor_data2.json': bytes('{}'),
    ...(userData === undefined ? {} : { user_data: fromBase64(userData) }),
  }
}

/** Its cards, each of which asks for its address by DHCP. */
const networkData = (interfaces: readonly Interface[]): Record<string, object[]> => ({
  links: interfaces.map(({ id, mac }) => ({ id, type: 'phy', ethernet_mac_address: mac, mtu: null, vif_id: id })),
  networks: interfaces.map(({ id, network }, i) => ({ id: `network${i}`, type: 'ipv4_dhcp', link: id, network_id: network })),
  services: [],
})

function ec2Files({ instance, name, image, about }: GuestSpec): Record<string, Uint8Array> {
  const hostname = about?.hostname ?? name
  const { keyPair: pair, userData } = about ?? {}
  const texts: Record<string, string> = {
    'instance-id': ec2Id('i', instance),
    'ami-id': ec2Id('ami', image),
    'ami-launch-index': '0',
    hostname,
    'local-hostname': hostname,
    'public-hostname': hostname,
    'instance-type': about?.flavor ?? '',
    'instance-action': 'none',
    'reservation-id': about?.reservation ?? '',
    'local-ipv4': '',
    'public-ipv4': '',
    'security-groups': 'default',
    'block-device-mapping/ami': 'vda',
    'block-device-mapping/root': '/dev/vda',
    ...(pair ? { 'public-keys/0/openssh-key': pair.publicKey } : {}),
  }
  const files = Object.entries(texts).map(([path, text]): [string, Uint8Array] => [`meta-data/${path}`, bytes(text)])
  return { ...Object.fromEntries(files), ...(userData === undefined ? {} : { 'user-data': fromBase64(userData) }) }
}

/** What is at a path of the service: a file, or the names in a folder, one to a line; null when there is nothing. */
export function lookUp(data: GuestData, url: string, keyName?: string): Uint8Array | null {
  const path = url.split('?', 1)[0]?.split('/').filter(Boolean).join('/') ?? ''
  const file = data.get(path)
  if (file) return file
  // EC2's list of keys says their names beside their numbers.
  if (keyName !== undefined && /^[^/]+\/meta-data\/public-keys$/.test(path) && data.has(`${path}/0/openssh-key`)) return bytes(`0=${keyName}`)
  const names = namesIn(data, path)
  return names.length > 0 ? bytes(names.join('\n')) : null
}

function namesIn(data: GuestData, folder: string): string[] {
  const prefix = folder === '' ? '' : `${folder}/`
  const names = [...data.keys()].filter(path => path.startsWith(prefix)).map(path => path.slice(prefix.length))
  // Folders of EC2's tree end in a slash; OpenStack's do not say what they are.
  const shown = names.map(name => (name.includes('/') ? name.slice(0, name.indexOf('/')) + (/\/meta-data\/$/.test(prefix) ? '/' : '') : name))
  return [...new Set(shown)]
}
