/** Diagnostics in Nova's words: until 2.47 what each driver likes to say, from 2.48 on the same for all. What is not known is null. */
import type { InstanceBody } from '../../../actors/api.ts'
import type { Diagnostics } from '../../../actors/hypervisor/driver.ts'
import { has } from '../requests/changes.ts'

/** By the names that libvirt has for it, as Nova shows them. */
const inKiB = (memory: Diagnostics['guestMemory']): Record<string, number> =>
  memory
    ? {
        'memory-actual': memory.actualMb * 1024,
        'memory-available': memory.totalMb * 1024,
        'memory-unused': memory.freeMb * 1024,
        'memory-usable': memory.availableMb * 1024,
      }
    : {}

export function diagnosticsView(instance: InstanceBody, seen: Diagnostics & { readonly driver: string }, minor: number): Record<string, unknown> {
  const { flavor, devices, about } = instance
  const { state, cpuTimeNs, memoryUsedMb, guestMemory, uptimeS, driver } = seen
  if (!has(minor, 'diagnostics.same')) {
    const known = { cpu0_time: cpuTimeNs, 'memory-rss': memoryUsedMb === null ? null : memoryUsedMb * 1024, uptime: uptimeS }
    return { memory: flavor.ramMb * 1024, ...inKiB(guestMemory), ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== null)) }
  }
  return {
    state,
    driver,
    hypervisor: driver,
    hypervisor_os: 'linux',
    uptime: uptimeS,
    config_drive: about?.configDrive ?? false,
    num_cpus: flavor.vcpus,
    num_disks: 1 + devices.disks.length,
    num_nics: devices.interfaces.length,
    // Of all its processors together: no driver tells them apart.
    cpu_details: cpuTimeNs === null ? [] : [{ id: null, time: cpuTimeNs, utilisation: null }],
    // What the guest itself uses, where it says so; else what it takes of its host.
    memory_details: { maximum: flavor.ramMb, used: guestMemory ? guestMemory.totalMb - guestMemory.availableMb : memoryUsedMb },
    disk_details: [],
    nic_details: devices.interfaces.map(({ mac }) => ({
      mac_address: mac,
      ...Object.fromEntries(['rx_octets', 'rx_errors', 'rx_drop', 'rx_packets', 'rx_rate'].map(name => [name, null])),
      ...Object.fromEntries(['tx_octets', 'tx_errors', 'tx_drop', 'tx_packets', 'tx_rate'].map(name => [name, null])),
    })),
  }
}
