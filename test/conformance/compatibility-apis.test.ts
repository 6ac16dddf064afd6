/** The APIs in `docs/compatibility.md` are those of the API table. */
import { expect, test } from 'vitest'
import { servedApis } from '../../src/broker/api-table.ts'
import { formatApis, readKafkaApis } from './compatibility-apis.ts'
import { readPage, sectionOf, withSection, writePage } from './compatibility-document.ts'

test('docs/compatibility.md says which APIs are served (UPDATE_DOCS=1 writes it)', () => {
  const section = formatApis(readKafkaApis())
  const page = readPage()
  if (process.env.UPDATE_DOCS) writePage(withSection(page, 'apis', section))
  else expect(sectionOf(page, 'apis')).toBe(section.trim())
})

test('nothing is served that Apache Kafka does not serve', () => {
  const { apis } = readKafkaApis()
  for (const { api, accepted } of servedApis) {
    const kafkas = apis.find(({ key }) => key === api.key)
    expect(kafkas?.name).toBe(api.name)
    expect(accepted.minVersion).toBeGreaterThanOrEqual(kafkas!.versions[0])
    expect(accepted.maxVersion).toBeLessThanOrEqual(kafkas!.versions[1])
  }
})
