/** Images that some host here can run; all of them as long as no host has reported. */
import type { HostBody, ImageBody } from '../../actors/api.ts'

export function usableImages(images: readonly ImageBody[], hosts: readonly HostBody[]): readonly ImageBody[] {
  const drivers = new Set(hosts.map(h => h.driver))
  return drivers.size === 0 ? images : images.filter(i => drivers.has(i.driver))
}
