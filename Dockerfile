# Images of the exporter and the replicator: docker build --target exporter .
# Everything stands on one base; another Debian 12 is given by --build-arg BASE=….
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends maven openjdk-17-jdk-headless binutils \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN mvn -B -ntp -q -DskipTests -Pimage package
# What the applications need of the JDK, and nothing else. Files of one time, so that a layer built again
# from the same sources is the same.
RUN jlink --add-modules java.base,java.logging,java.management,java.naming,java.net.http,java.security.jgss,java.security.sasl,java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.unsupported \
    --strip-debug --no-man-pages --no-header-files --compress=1 --output /out/jre/opt/blkcast/jre \
  && for part in exporter replicator; do \
       mkdir -p /out/$part/opt/blkcast /out/$part/var/lib/blkcast \
       && cp -r $(find . -path "*/$part/target/image/lib") /out/$part/opt/blkcast/lib; \
     done \
  && chown -R 10001:10001 /out/exporter/var/lib/blkcast /out/replicator/var/lib/blkcast \
  && find /out -exec touch -h -d @0 {} +

FROM ${BASE} AS java
COPY --from=build /out/jre/ /
ENV PATH=/opt/blkcast/jre/bin:$PATH JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=50 -XX:+ExitOnOutOfMemoryError"
WORKDIR /var/lib/blkcast

FROM java AS exporter
COPY --from=build /out/exporter/ /
USER 10001:10001
VOLUME /var/lib/blkcast
EXPOSE 8080 8081 10809
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8081; printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3; grep -q '200 OK' <&3"]
ENTRYPOINT ["java", "-cp", "/opt/blkcast/lib/*", "io.blkcast.exporter.cli.Main"]
CMD ["run", "--config", "/etc/blkcast/exporter.yaml"]

FROM java AS replicator
COPY --from=build /out/replicator/ /
USER 10001:10001
VOLUME /var/lib/blkcast
ENTRYPOINT ["java", "-cp", "/opt/blkcast/lib/*", "io.blkcast.replicator.Main"]
CMD ["--help"]
