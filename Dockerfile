# Images of the exporter and the replicator: docker build --target exporter .
# Everything stands on one base, of Debian's kind: another is given by --build-arg BASE=….
# Built again from the same sources on the same base, the layers are the same, bit for bit.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends maven openjdk-17-jdk-headless binutils >/dev/null \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN mvn -B -ntp -q -Pimage -Dmaven.test.skip -pl consumers/cli -am package
# What the applications need of the JDK, and nothing else.
RUN jlink --output /out/jre/opt/blkcast/jre --strip-debug --no-man-pages --no-header-files --compress=1 --add-modules \
java.base,java.logging,java.management,java.naming,java.net.http,java.security.jgss,java.security.sasl,java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.net,jdk.security.jgss,jdk.unsupported
# Commands, jars and bills of materials; all files of one time, so that the layers depend on nothing else.
RUN app() { \
    out=/out/$1/opt/blkcast && mkdir -p $out/bin /out/$1/var/lib/blkcast /out/$1/usr/local/bin \
    && cp -r consumers/cli/target/image/lib consumers/cli/target/image/sbom.cdx.json exporter/src/main/resources/logback.xml $out/ && cp consumers/cli/target/blkcast-cli-*.jar $out/lib/ \
    && printf '#!/bin/sh\numask 077\nexec java -Duser.home=/tmp -Dvertx.disableDnsResolver=true -Dlogback.configurationFile=/opt/blkcast/logback.xml \\\n  $JAVA_OPTS -cp "/opt/blkcast/lib/*" io.blkcast.cli.Main "$@"\n' >$out/bin/blkcast \
    && chmod 755 $out/bin/blkcast && ln -s /opt/blkcast/bin/blkcast /out/$1/usr/local/bin/blkcast \
    && chmod 700 /out/$1/var/lib/blkcast && chown 10001:10001 /out/$1/var/lib/blkcast; \
  } \
  && app exporter && app replicator \
  && find /out -exec touch -h -d @0 {} +

FROM ${BASE} AS java
COPY --from=build /out/jre/ /
ENV PATH=/opt/blkcast/jre/bin:$PATH LANG=C.UTF-8 JAVA_OPTS="-XX:MaxRAMPercentage=50 -XX:+ExitOnOutOfMemoryError"

# Healthy: every volume is tracked, and the brokers answer. Root is needed for the kernel module only.
FROM java AS exporter
COPY --from=build /out/exporter/ /
USER 10001:10001
WORKDIR /var/lib/blkcast
VOLUME /var/lib/blkcast
EXPOSE 8080 8081 10809
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=6 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8081 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["blkcast"]
CMD ["run", "--config", "/etc/blkcast/exporter.yaml"]

# Healthy: within the last minute the brokers answered, or an increment was being applied.
FROM java AS replicator
COPY --from=build /out/replicator/ /
ENV BLKCAST_HEALTH_FILE=/tmp/blkcast.alive
USER 10001:10001
WORKDIR /var/lib/blkcast
VOLUME /var/lib/blkcast
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=6 \
  CMD ["sh", "-c", "find $BLKCAST_HEALTH_FILE -newermt '-60 seconds' | grep -q ."]
ENTRYPOINT ["blkcast"]
CMD ["--help"]
