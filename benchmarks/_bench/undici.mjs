// Node's fastest client, as its documentation advises for many requests to one host: one Pool, `request`, the body
// of each answer drained. Workers pull from one counter.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(process.argv[2] + '/')
const { Pool } = require('undici')
const job = JSON.parse(process.argv[3])
const connect = job.cafile ? { ca: readFileSync(job.cafile) } : undefined
const pool = new Pool(job.origin, { connections: job.in_flight, pipelining: 1, connect })

const answer = await pool.request({ path: '/token', method: 'POST', body: 'grant_type=client_credentials' })
const { access_token: token } = await answer.body.json()
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/vnd.ims.lis.v1.score+json' }

async function post (number) {
  const body = JSON.stringify({
    userId: `5f9b3c1e-8d42-4b7a-9c60-${String(number).padStart(12, '0')}`,
    scoreGiven: number % 101,
    scoreMaximum: 100,
    activityProgress: 'Completed',
    gradingProgress: 'FullyGraded',
    timestamp: new Date().toISOString()
  })
  const { statusCode, body: rest } = await pool.request({
    path: '/courses/1/lineitems/1/scores', method: 'POST', headers, body
  })
  await rest.dump()
  if (statusCode >= 300) throw new Error(`answered ${statusCode}`)
}

async function all (begin, count) {
  let next = begin
  const work = async () => { while (next < begin + count) await post(next++) }
  await Promise.all(Array.from({ length: job.in_flight }, work))
}

await all(0, job.warm)
const cpu = process.cpuUsage()
const began = process.hrtime.bigint()
await all(job.warm, job.count)
const seconds = Number(process.hrtime.bigint() - began) / 1e9
const { user, system } = process.cpuUsage(cpu)
console.log(JSON.stringify({
  count: job.count,
  seconds,
  cpu_us: (user + system) / job.count,
  faults: 0,
  peak_mib: process.resourceUsage().maxRSS / 1024
}))
await pool.close()
