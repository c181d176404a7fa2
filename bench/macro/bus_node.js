// Node's channel between worker and primary, one way: node bus_node.js COUNT MESSAGE
const cluster = require("cluster");

const count = Number(process.argv[2]);
const message = JSON.parse(process.argv[3]);
if (cluster.isPrimary) {
    const worker = cluster.fork();
    let seen = 0;
    let begun = 0n;
    worker.on("message", () => {
        if (seen++ === 0) begun = process.hrtime.bigint();
        if (seen === count) {
            const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
            console.log(Math.round(count / seconds));
            worker.kill();
        }
    });
} else {
    let sent = 0;
    const more = () => {
        for (let n = 0; n < 1000 && sent < count; n++, sent++) process.send(message);
        if (sent < count) process.send(message, more), sent++;
    };
    more();
}
