/** The images that come with Baton: one per driver, always there, on every host. Plain data; loading it costs nothing. */
import type { ImageBody } from '../../api.ts'

const BORN = Date.UTC(2025, 0, 1)

const BUILT_IN = {
  status: 'active',
  project: null,
  hosts: null,
  properties: {},
  instance: null,
  backupType: null,
  fault: null,
  createdAt: BORN,
  updatedAt: BORN,
} as const

export const FAKE_IMAGE: ImageBody = {
  id: '00000000-0000-4000-8000-0000000000fa',
  name: 'fake-image',
  driver: 'fake',
  sizeBytes: 0,
  ...BUILT_IN,
}

export const PROCESS_IMAGE: ImageBody = {
  id: '00000000-0000-4000-8000-0000000000bc',
  name: 'process-image',
  driver: 'process',
  /** Of `process/guest/init.sh`; a test compares. */
  sizeBytes: 971,
  ...BUILT_IN,
}

/** Built by `npm run images` on each host that is to have it; its size is what that came to when this was written. */
export const QEMU_IMAGE: ImageBody = {
  id: '00000000-0000-4000-8000-0000000000ce',
  name: 'qemu-image',
  driver: 'qemu',
  sizeBytes: 15_500_000,
  ...BUILT_IN,
  /** Its kernel boots with 72 and not with 64. */
  minRamMb: 80,
  properties: { baton_agent: 'required' },
}

export const BUILT_IN_IMAGES: readonly ImageBody[] = [FAKE_IMAGE, PROCESS_IMAGE, QEMU_IMAGE]
