/**
 * A real machine in a real browser, through a whole cluster: its serial line answers what is typed, and its screen is drawn. time limit: 150 s
 *
 * Needs the image of `npm run images`. With BATON_PICTURES=<folder> it leaves pictures of both there.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { QEMU_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BUILT_IMAGES } from '../../actors/hypervisor/drivers/qemu/built.ts'
import { hasChromium, launch } from '../browser/browser.ts'
import { SERVERS, until, withCluster } from '../support/cluster.ts'
import { whyNoQemu } from '../support/driver-qemu-bench.ts'
import { active } from '../support/history.ts'
import { skip } from '../support/skip.ts'

const PICTURES = process.env.BATON_PICTURES
const PATIENCE_MS = 40_000
const missing = await whyNoQemu()
const isBuilt = existsSync(join(BUILT_IMAGES, 'manifest.json'))

const picture = async (page: Page, name: string): Promise<void> => {
  if (PICTURES) await page.screenshot({ path: join(PICTURES, `${name}.png`) })
}

/** Light pixels on what is drawn of the screen: letters, on black. */
const LIGHT = `(canvas => {
  if (!canvas?.width) return 0
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  return data.filter((value, i) => i % 4 === 0 && value > 100).length
})(document.querySelector('.screen canvas'))`

test('the serial line of a machine answers in the page, and its screen is drawn there', async () => {
  if (missing !== null) return skip(missing, { installedByCi: true })
  if (!hasChromium) return skip('no Chromium here', { installedByCi: true })
  if (!isBuilt) return skip('no guest image here: npm run images builds it', { installedByCi: false })
  await withCluster({ args: ['--driver', 'qemu', '--conductors', '1', '--computes', '1'] }, async cluster => {
    const flavor = { id: 'machine', name: 'machine', vcpus: 1, ram: 128, disk: 1 }
    await cluster.request('POST', '/compute/v2.1/flavors', { flavor })
    const server = { name: 'in-a-browser', flavorRef: flavor.id, imageRef: QEMU_IMAGE.id, networks: 'none' }
    const { body } = await cluster.request('POST', SERVERS, { server })
    const id: string = body.server.id
    await active(cluster, id)
    const browser = await launch()
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 860 } })
      page.setDefaultTimeout(PATIENCE_MS)
      const refused: string[] = []
      page.on('console', message => /Content Security Policy|TrustedHTML/.test(message.text()) && refused.push(message.text()))
      await page.goto(`${cluster.endpoint}/#/instances/${id}?tab=serial`)
      await page.getByText('You have the keyboard').waitFor()
      await page.getByText('is up after').first().waitFor()
      await page.keyboard.type('echo "$((6 * 7)) is the answer of $(uname -s)"\n')
      await page.getByText('42 is the answer of Linux').first().waitFor()
      await picture(page, 'qemu-serial')
      await page.evaluate(`location.hash = '#/instances/${id}?tab=screen'`)
      await page.getByText('Keys go to the guest').waitFor()
      await until('letters on the screen', PATIENCE_MS, async () => Number(await page.evaluate(LIGHT)) > 200)
      await picture(page, 'qemu-screen')
      assert.equal(refused, [])
    } finally {
      await browser.close()
    }
  })
})

test.run()
