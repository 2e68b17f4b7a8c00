// node kafkajs.js DIRECTORY PACKAGE BOOTSTRAP: a JavaScript client administers and produces; kafkajs, or Confluent's
// with the same interface. It cannot be assigned partitions, so that others read what it wrote (kcat, where there is
// one).
'use strict';
const {execFileSync} = require('child_process');
const [directory, name, bootstrap] = process.argv.slice(2);
const home = `${directory}/node_modules/${name}`;
const confluent = name !== 'kafkajs';
const library = require(home);
const {Kafka, CompressionTypes, logLevel} = confluent ? library.KafkaJS : library;
const settings = confluent ? {kafkaJS: {brokers: [bootstrap], logLevel: logLevel.NOTHING}} :
                             {brokers: [bootstrap], logLevel: logLevel.NOTHING};
const kafka = new Kafka(settings);
let failures = 0;

async function check(what, run) {
  try {
    await run();
    console.log(`ok ${what}`);
  } catch (error) {
    failures += 1;
    console.log(`not ok ${what}: ${String(error).replace(/\s+/g, ' ').slice(0, 800)}`);
  }
}

function same(what, wanted, got) {
  if (JSON.stringify(wanted) !== JSON.stringify(got))
    throw new Error(`${what}: wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
}

async function fails(what, text, promise) {
  try {
    await promise;
  } catch (error) {
    if (new RegExp(text, 'i').test(
            `${error.type} ${error.message} ${JSON.stringify(error.errors || [])} ${error.stack}`))
      return;
    throw error;
  }
  throw new Error(`${what}: no error`);
}

async function until(what, condition) {
  for (const end = Date.now() + 20000; Date.now() < end; await new Promise((go) => setTimeout(go, 50)))
    if (await condition()) return;
  throw new Error(`never: ${what}`);
}

function readBack(topic, format) {
  return execFileSync(
             'kcat', ['-C', '-b', bootstrap, '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-q', '-f', format])
      .toString();
}

async function administer() {
  const admin = kafka.admin();
  await admin.connect();
  await check('topics: create, refuse, list, delete', async () => {
    same(
        'created', true,
        await admin.createTopics({topics: [{topic: 'js-admin', numPartitions: 2, replicationFactor: 1}]}));
    await until('listed', async () => (await admin.listTopics()).includes('js-admin'));
    if (confluent)
      same(
          'again', false,
          await admin.createTopics({topics: [{topic: 'js-admin', numPartitions: 2, replicationFactor: 1}]}));
    else
      same('again', false, await admin.createTopics({topics: [{topic: 'js-admin'}]}));
    await fails(
        'three replicas', 'replication',
        admin.createTopics({topics: [{topic: 'js-three', numPartitions: 1, replicationFactor: 3}]}));
  });
  await check('topics: metadata', async () => {
    const found = await admin.fetchTopicMetadata({topics: ['js-admin']});
    const topics = found.topics || found;
    same('partitions', 2, topics[0].partitions.length);
  });
  await check('offsets of topics', async () => {
    const offsets = await admin.fetchTopicOffsets('js-admin');
    same('ends', ['0', '0'], offsets.map((o) => String(o.high)));
  });
  if (!confluent) {
    await check('the cluster', async () => same('brokers', 1, (await admin.describeCluster()).brokers.length));
    await check('partitions: more', async () => {
      await admin.createPartitions({topicPartitions: [{topic: 'js-admin', count: 3}]});
      await until(
          'three',
          async () => (await admin.fetchTopicMetadata({topics: ['js-admin']})).topics[0].partitions.length === 3);
    });
    await check('configurations: describe and alter', async () => {
      const value = async () =>
          (await admin.describeConfigs(
               {includeSynonyms: false, resources: [{type: 2, name: 'js-admin', configNames: ['retention.ms']}]}))
              .resources[0]
              .configEntries[0]
              .configValue;
      same('default', '604800000', await value());
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{type: 2, name: 'js-admin', configEntries: [{name: 'retention.ms', value: '7200000'}]}]
      });
      await until('altered', async () => (await value()) === '7200000');
    });
  }
  await check('topics: gone', async () => {
    await admin.deleteTopics({topics: ['js-admin']});
    await until('gone', async () => !(await admin.listTopics()).includes('js-admin'));
  });
  await admin.disconnect();
}

async function produce(codec, compression, acks, idempotent) {
  const topic = `js-${codec}-${acks}-${idempotent}`;
  const options = {idempotent, maxInFlightRequests: 1, allowAutoTopicCreation: true};
  const sending = {acks, compression, timeout: 10000};
  const producer = kafka.producer(confluent ? {kafkaJS: {...options, ...sending}} : options);
  await producer.connect();
  const messages = [];
  for (let i = 0; i < 100; ++i)
    messages.push({key: `k${i}`, value: i % 7 === 0 ? null : `value ${i}`, partition: 0, headers: {h: 'v'}});
  await producer.send(confluent ? {topic, messages} : {topic, messages, ...sending});
  await producer.disconnect();
  const wanted =
      messages.map((m) => `h=v|${m.key}|${m.value === null ? -1 : m.value.length}|${m.value || ''}\n`).join('');
  let got = '';
  await until(`${topic} is read back`, () => (got = readBack(topic, '%h|%k|%S|%s\n')).length >= wanted.length);
  same('records', wanted, got);
}

async function main() {
  console.log(`client ${name} ${require(`${home}/package.json`).version}`);
  await administer();
  const codecs = confluent ? {
    none: CompressionTypes.None,
    gzip: CompressionTypes.GZIP,
    snappy: CompressionTypes.Snappy,
    lz4: CompressionTypes.LZ4,
    zstd: CompressionTypes.ZSTD
  } :
                             {none: CompressionTypes.None, gzip: CompressionTypes.GZIP};
  for (const [codec, compression] of Object.entries(codecs)) {
    for (const acks of [0, 1, -1])
      await check(`produce, ${codec}, acks=${acks}`, () => produce(codec, compression, acks, false));
    await check(`produce, ${codec}, idempotent`, () => produce(codec, compression, -1, true));
  }
  if (!confluent)
    for (const codec of ['snappy', 'lz4', 'zstd'])
      console.log(`skip produce, ${codec}: a plug-in of kafkajs that is not installed`);
  process.exit(failures === 0 ? 0 : 1);
}

main().catch((error) => {
  console.log(`not ok the suite: ${error}`);
  process.exit(1);
});
