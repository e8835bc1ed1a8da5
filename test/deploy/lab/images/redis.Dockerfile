# Debian's Redis with the user, folders and entry point of the official image.
FROM debian:bookworm-slim
COPY redis /tmp/redis
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
  && groupadd --system --gid 999 redis && useradd --system --gid redis --uid 999 redis \
  && DEBIAN_FRONTEND=noninteractive dpkg --install /tmp/redis/*.deb \
  && rm -rf /tmp/redis /usr/sbin/policy-rc.d \
  && mkdir /data && chown redis:redis /data
COPY redis-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /data
WORKDIR /data
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 6379
CMD ["redis-server"]
