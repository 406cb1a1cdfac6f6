/** Guest restore: backups from the image store go into a guest, whose agent then puts them in their place. Half a restore its status tells. */
import { operation } from '../step.ts'
import { putBackup } from './guest-steps.ts'

export const guestRestore = operation('guest-restore', { cancellable: true, steps: [putBackup] })
